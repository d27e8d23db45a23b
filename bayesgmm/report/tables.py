"""The tables of the report. Every number is there in full, in the ``value`` of its element."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import numpy as np
import pandas as pd

from bayesgmm.mixture.data import Data
from bayesgmm.report.markup import Markup, element, scrolling
from bayesgmm.report.writing import digits, known

_MAXIMUM = {"mle": "Maximum likelihood (EM)", "mode": "Posterior mode (EM)"}
_HEADINGS = {
    "mle": "estimate",
    "mode": "estimate",
    "se": "s.e.",
    "ci_low": "2.5 %",
    "ci_high": "97.5 %",
    "mean": "mean",
    "sd": "sd",
    "interval_low": "2.5 %",
    "interval_high": "97.5 %",
    "r_hat": "R-hat",
    "ess_bulk": "ESS bulk",
    "ess_tail": "ESS tail",
    "difference": "shift",
}
_FORMATS = {"r_hat": ".3f", "ess_bulk": ".0f", "ess_tail": ".0f", "difference": "+.2f"}
_STARTS = {"mle", "mode", "mean", "r_hat", "difference"}  # columns that begin a group


def number(value: float, written: str) -> Markup:
    """Write a rounded number that carries the exact one."""
    shown = known(value, written).replace("-", "−")
    if not isfinite(value):
        return element("span", "–", title="not known")
    return element("data", shown, value=repr(float(value)))


def comparison_table(comparison: pd.DataFrame, name: str) -> Markup:
    """Write what `bayesgmm.compare` says, component by component.

    Parameters
    ----------
    comparison : pandas.DataFrame
        As `bayesgmm.compare` returns it.
    name : str
        The caption, which readers of the page hear first.
    """
    columns = list(comparison.columns[3:])
    groups = (
        _of_component(int(str(component)), rows, columns)
        for component, rows in comparison.groupby("component")
    )
    return scrolling(element("table", _head(columns), *groups), name)


def data_table(data: Data) -> Markup:
    """Write what the columns of the rows hold."""
    mean, sd = data.moments()
    low, high = _range(data)
    heads = ("", "mean", "sd", "least", "greatest")
    head = element("thead", element("tr", *(element("th", h, scope="col") for h in heads)))
    rows = []
    for d, name in enumerate(data.feature_names):
        values = (mean[d], sd[d], low[d], high[d])
        cells = (element("td", number(float(value), ".6g")) for value in values)
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    return scrolling(element("table", head, element("tbody", *rows)), "Columns of the data")


def _range(data: Data) -> tuple[np.ndarray, np.ndarray]:
    pieces = [data.rows(chunk.start, chunk.stop) for chunk in data.chunks()]
    lows, highs = [x.min(axis=0) for x in pieces], [x.max(axis=0) for x in pieces]
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _head(columns: list[str]) -> Markup:
    fits = {_MAXIMUM[columns[0]]: 4, "Posterior": 4, "Chains": 3, "Both": 1}
    over = (
        element("th", name, colspan=str(width), scope="colgroup", class_="starts group")
        for name, width in fits.items()
    )
    names = (element("th", _HEADINGS[name], scope="col", **_look(name)) for name in columns)
    return element(
        "thead",
        element("tr", element("td"), *over),
        element("tr", element("th", "parameter", scope="col", class_="group"), *names),
    )


def _of_component(component: int, rows: pd.DataFrame, columns: list[str]) -> Markup:
    width = str(1 + len(columns))
    title = element("th", f"component {component}", colspan=width, scope="rowgroup", class_="group")
    return element("tbody", element("tr", title), *_parameters(rows, columns), class_="component")


def _parameters(rows: pd.DataFrame, columns: list[str]) -> Iterator[Markup]:
    for record in rows.to_dict("records"):
        own = digits(record["sd"])
        name = f"{record['parameter']} {record['feature']}".rstrip()
        cells = (
            element("td", number(record[c], _FORMATS.get(c, own)), data_column=c, **_look(c))
            for c in columns
        )
        yield element("tr", element("th", name, scope="row"), *cells)


def _look(column: str) -> dict[str, str]:
    return {"class_": "starts"} if column in _STARTS else {}
