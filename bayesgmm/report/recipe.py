"""How to make the two fits again: with which settings, versions, command and lines of Python."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm.bayes.fit import fit_bayes
from bayesgmm.bayes.result import BayesFit
from bayesgmm.datasets import DATASETS
from bayesgmm.em.fit import fit_em
from bayesgmm.em.result import EMFit
from bayesgmm.priors import Priors

_PACKAGES = (
    *("bayesgmm", "numpy", "scipy", "numba", "pandas", "xarray"),
    *("matplotlib", "pymc", "nutpie", "arviz"),
)
_OPTIONS = (
    "draws",
    "tune",
    "chains",
    "target_accept",
    "thin",
)  # of the command, called as in Python


def versions() -> dict[str, str]:
    """Name the versions of what takes part."""
    return {"Python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def settings(em: EMFit, bayes: BayesFit) -> dict[str, str]:
    """Name the settings of both fits."""
    named = {f"EM: {name}": str(value) for name, value in em.settings.items()}
    return named | {f"NUTS: {name}": str(value) for name, value in bayes.settings.items()}


def command(em: EMFit, bayes: BayesFit, source: str) -> str:
    """Write the command that makes these fits; empty if none does.

    Parameters
    ----------
    em, bayes : EMFit, BayesFit
        The two fits.
    source : str
        The data, as the command takes them.
    """
    if not source or not _by_default(em, bayes):
        return ""
    words = ["bayesgmm", "compare", source, "-k", str(em.n_components)]
    if not any("," in name for name in em.feature_names):
        words += ["--columns", ",".join(em.feature_names)]
    words += ["--covariance-type", bayes.covariance_type]
    for name in _OPTIONS:
        words += [f"--{name.replace('_', '-')}", str(bayes.settings[name])]
    return shlex.join([*words, "--seed", str(bayes.settings["random_seed"])])


def python(em: EMFit, bayes: BayesFit, source: str) -> str:
    """Write the lines of Python that make these fits."""
    shape = [str(em.n_components), f"covariance_type={bayes.covariance_type!r}"]
    of_em = [*shape, *_priors(em.priors), *_given(fit_em, em.settings), _seed(em)]
    start = ["start=em"] if _started_at(em, bayes) else []
    priors = [] if _default_priors(bayes) else _priors(bayes.priors)
    sampling = _given(fit_bayes, bayes.settings, always=_OPTIONS)
    of_bayes = [*shape, *priors, *start, *sampling, _seed(bayes)]
    climbed = ["# em was started from a point that was given: add start="]
    elsewhere = "# bayes was not sampled by fit_bayes: its draws came from elsewhere"
    return "\n".join(
        [
            *_read(em, source),
            *(climbed if em.settings.get("start") else []),
            _call("em = bg.fit_em", of_em),
            _call("bayes = bg.fit_bayes", of_bayes) if _sampled_here(bayes) else elsewhere,
            *_relabelled(bayes),
            "table = bg.compare(em, bayes)",
        ]
    )


def _read(em: EMFit, source: str) -> list[str]:
    columns = repr(list(em.feature_names))
    if source in DATASETS and not Path(source).is_file():
        return ["import bayesgmm as bg", "", f"rows = bg.load_dataset({source!r})[{columns}]"]
    lines = ["import pandas as pd", "", "import bayesgmm as bg", ""]
    if not source:
        return [*lines, f"rows = pd.DataFrame(...)[{columns}]  # the {em.data.n_rows} rows"]
    reader = "read_parquet" if Path(source).suffix.lower() == ".parquet" else "read_csv"
    return [*lines, f"rows = pd.{reader}({source!r})[{columns}]"]


def _call(function: str, arguments: list[str]) -> str:
    inside = "".join(f"    {argument},\n" for argument in ["rows", *arguments])
    return f"{function}(\n{inside})"


def _seed(fit: EMFit | BayesFit) -> str:
    return f"random_seed={fit.settings.get('random_seed')!r}"


def _relabelled(bayes: BayesFit) -> list[str]:
    method = bayes.settings.get("relabelled", "reference")
    if method in ("reference", "priors"):
        return []
    return ["bayes = bayes." + ("as_sampled()" if method == "sampled" else f"relabel({method!r})")]


def _by_default(em: EMFit, bayes: BayesFit) -> bool:
    """Whether the fits are such as the command makes."""
    others = {k: v for k, v in bayes.settings.items() if k not in _OPTIONS}
    return (
        em.priors is None
        and _default_priors(bayes)
        and _sampled_here(bayes)
        and _started_at(em, bayes)
        and not em.settings.get("start")
        and not bayes.settings.get("interrupted")
        and not _relabelled(bayes)
        and not _given(fit_em, em.settings)
        and not _given(fit_bayes, others)
        and em.settings["random_seed"] == bayes.settings["random_seed"]
    )


def _sampled_here(bayes: BayesFit) -> bool:
    return set(_OPTIONS) <= set(bayes.settings)


def _priors(priors: Priors | None) -> list[str]:
    return [] if priors is None else [f"priors=bg.Priors.from_dict({priors.to_dict()!r})"]


def _given(
    function: Callable[..., Any], found: dict[str, Any], always: tuple[str, ...] = ()
) -> list[str]:
    """Write the settings that are arguments of the function and not what they are by default."""
    takes = signature(function).parameters
    return [
        f"{name}={value!r}"
        for name, value in found.items()
        if name in takes and name not in ("random_seed", "start")
        if name in always or value != takes[name].default
    ]


def _default_priors(bayes: BayesFit) -> bool:
    default = Priors.weakly_informative(bayes.data, bayes.n_components, bayes.covariance_type)
    return bayes.priors is not None and default.to_dict() == bayes.priors.to_dict()


def _started_at(em: EMFit, bayes: BayesFit) -> bool:
    one, other = em.params, bayes.reference
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("weights", "means", "cholesky")
    )
