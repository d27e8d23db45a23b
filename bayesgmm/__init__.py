"""Gaussian mixtures with error bars: EM and PyMC fits of one model, side by side.

Start here::

    import bayesgmm as bg

    faithful = bg.load_dataset("faithful")
    em = bg.fit_em(faithful, n_components=2)
    bayes = bg.fit_bayes(faithful, n_components=2, start=em)
    bg.compare(em, bayes)

How do I ...

- ... set priors? All: ``bg.fit_bayes(X, 2, priors=bg.Priors(means=..., scales=...))``; only one:
  ``dataclasses.replace(bg.Priors.weakly_informative(X, 2), weights=bg.priors.Dirichlet(20))``.
  `bayesgmm.priors` has the families, ``print(bayes.priors)`` says those that were used.
- ... know whether to trust the draws? ``bayes.diagnostics`` says so in words.
- ... understand a high R-hat? If the label-free one is high, chains disagree about the mixture
  itself: *not converged* where all move between the same places, and longer chains help; *several
  modes* where some stay in different places: use no pooled number, ``bayes.modes`` has a posterior
  for each place. If only the other is high, it is *labels only*, about names: ``bayes.relabel``.
- ... get the cluster of a new row, and how sure it is? ``bayes.predict(rows)``, and
  ``bayes.predict_proba_interval(rows)``; ``bayes.partition()`` for the fitted rows.
- ... save a fit? ``bayes.save("fit.nc")``, and ``bg.load("fit.nc")`` gets it back.
- ... cite it? "The bayesgmm developers, bayesgmm: Gaussian mixtures with error bars", with
  ``bg.__version__``, as in ``CITATION.cff``; and cite PyMC, nutpie and ArviZ, too.
- ... choose the number of components? ``bg.select(X)``, and ``bg.plot_selection`` draws it;
  ``em.likelihood_ratio_test()`` asks whether one more is needed.
- ... get error bars for a maximum? ``em.summary()`` has them; ``em.bootstrap()`` others.
- ... use ArviZ or PyMC? ``bayes.to_datatree()`` and ``bayes.model``; ``bg.from_draws(X, tree)``
  makes a fit of draws that another sampler made.
- ... see more? ``help("bayesgmm.plots")`` lists the pictures; ``bg.plot_em_path(bg.em_path(X, 2))``
  shows how EM gets there; ``bg.write_report(em, bayes, "report.html")`` puts all on one page.

Importing the package is quick: everything is loaded when it is first used, and PyMC, ArviZ and
Matplotlib only by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesgmm import priors
    from bayesgmm.bayes.adopt import from_draws
    from bayesgmm.bayes.fit import fit_bayes
    from bayesgmm.bayes.model import build_model
    from bayesgmm.bayes.result import BayesFit
    from bayesgmm.datasets import load_dataset
    from bayesgmm.em.bootstrap import Bootstrap
    from bayesgmm.em.fit import fit_em
    from bayesgmm.em.path import EMPath, em_path
    from bayesgmm.em.ratio import RatioTest
    from bayesgmm.em.result import EMFit
    from bayesgmm.loading import load
    from bayesgmm.mixture.errors import FitError, InputError
    from bayesgmm.mixture.params import Params
    from bayesgmm.plots import (
        animate_em_path,
        plot_comparison,
        plot_density,
        plot_em_path,
        plot_fit,
        plot_intervals,
        plot_label_free,
        plot_pairs,
        plot_ppc,
        plot_prior_posterior,
        plot_rank,
        plot_responsibilities,
        plot_selection,
        plot_similarity,
        plot_trace,
        plot_uncertainty,
    )
    from bayesgmm.priors import Priors
    from bayesgmm.report.page import write_report
    from bayesgmm.results.comparison import compare
    from bayesgmm.selection.choose import select
    from bayesgmm.selection.result import Selection

__version__ = _version("bayesgmm")

__all__ = [
    "BayesFit",
    "Bootstrap",
    "EMFit",
    "EMPath",
    "FitError",
    "InputError",
    "Params",
    "Priors",
    "RatioTest",
    "Selection",
    "animate_em_path",
    "build_model",
    "compare",
    "em_path",
    "fit_bayes",
    "fit_em",
    "from_draws",
    "load",
    "load_dataset",
    "plot_comparison",
    "plot_density",
    "plot_em_path",
    "plot_fit",
    "plot_intervals",
    "plot_label_free",
    "plot_pairs",
    "plot_ppc",
    "plot_prior_posterior",
    "plot_rank",
    "plot_responsibilities",
    "plot_selection",
    "plot_similarity",
    "plot_trace",
    "plot_uncertainty",
    "priors",
    "select",
    "write_report",
]

_HOMES = {
    "BayesFit": "bayes.result",
    "Bootstrap": "em.bootstrap",
    "EMFit": "em.result",
    "EMPath": "em.path",
    "FitError": "mixture.errors",
    "InputError": "mixture.errors",
    "Params": "mixture.params",
    "Priors": "priors",
    "RatioTest": "em.ratio",
    "Selection": "selection.result",
    "build_model": "bayes.model",
    "compare": "results.comparison",
    "em_path": "em.path",
    "fit_bayes": "bayes.fit",
    "fit_em": "em.fit",
    "from_draws": "bayes.adopt",
    "load": "loading",
    "load_dataset": "datasets",
    "select": "selection.choose",
    "write_report": "report.page",
} | {name: "plots" for name in __all__ if name.startswith(("plot_", "animate_"))}


def __getattr__(name: str) -> Any:
    if name == "priors":
        found: Any = import_module("bayesgmm.priors")
    elif name in _HOMES:
        found = getattr(import_module(f"bayesgmm.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'bayesgmm' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
