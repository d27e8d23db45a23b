"""`write_report`: two fits in one file that any browser shows, now and in ten years."""

from __future__ import annotations

from pathlib import Path

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.report import recipe
from bayesgmm.report.look import STYLE
from bayesgmm.report.markup import Markup, element, joined, listed, pairs, void
from bayesgmm.report.pictures import figures
from bayesgmm.report.places import Place, places
from bayesgmm.report.tables import comparison_table, data_table
from bayesgmm.report.verdict import banner
from bayesgmm.results.comparison import check_alike

# The page holds all it shows, so a browser may be told to fetch nothing.
_NOTHING_ELSE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_NOTES = (
    "s.e.: standard error of EM. sd: standard deviation of the posterior. 2.5 % and 97.5 %: ends "
    "of EM's confidence interval, and of the posterior's with equal tails. ESS: effective draws. "
    "shift: how far EM lies above the posterior mean, in posterior standard deviations."
)


def write_report(em: EMFit, bayes: BayesFit, path: str | Path, *, source: str = "") -> None:
    """Write all about two fits into one HTML file, which needs no network and no other file.

    On top stands whether to trust them; then the comparison, pictures, what each fit says of
    itself, the data, the priors, the settings, and how to make the fits again. Where chains are
    in different places, each place has a table and pictures of its own, and nothing is pooled.

    Parameters
    ----------
    em, bayes : EMFit, BayesFit
        Two fits of one mixture.
    path : path-like
        The file to write, replaced if it exists.
    source : str, optional
        Where the rows come from: the name of a shipped data set, or a ``.csv`` or ``.parquet``
        file. With it, the page also has the command that makes the fits again.

    Raises
    ------
    InputError
        If the fits are not of one kind of mixture and the same rows, or there is no such folder.
    """
    if not isinstance(em, EMFit) or not isinstance(bayes, BayesFit):
        raise InputError("write_report(em, bayes, path) takes a fit by fit_em, one by fit_bayes")
    check_alike(em, bayes)
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")
    path.write_text(_page(em, bayes, source), encoding="utf-8")


def _page(em: EMFit, bayes: BayesFit, source: str) -> str:
    found = places(em, bayes)
    title = f"Gaussian mixture of {', '.join(em.feature_names)}"
    about = (
        f"{em.n_components} {bayes.covariance_type} component"
        f"{'s' if em.n_components > 1 else ''}, {em.data.n_rows} rows"
        f"{f' of {source}' if source else ''}: maximum likelihood and posterior, side by side."
    )
    body = element(
        "main",
        element("header", element("h1", title), element("p", about, class_="about")),
        banner(em, bayes, found),
        _section("Comparison", element("p", _NOTES, class_="notes"), *_compared(em, found)),
        _section("The two fits", _told(em), _told(bayes)),
        _section("Data", element("p", f"{em.data.n_rows} rows."), data_table(em.data)),
        _section("Priors", pairs(_priors(bayes))),
        _section("Settings", pairs(recipe.settings(em, bayes))),
        _section("How to make it again", *_recipe(em, bayes, source)),
    )
    document = element("html", _head(title), element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{document}\n"


def _head(title: str) -> Markup:
    return element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=_NOTHING_ELSE),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        void("link", rel="icon", href="data:,"),
        element("style", Markup(STYLE)),
    )


def _section(title: str, *inside: str) -> Markup:
    return element("section", element("h2", title), *inside)


def _compared(em: EMFit, found: tuple[Place, ...]) -> list[Markup]:
    shown = []
    for place in found:
        title = [element("h3", place.name.capitalize())] if place.name else []
        table = comparison_table(place.comparison, f"Comparison {place.name}".rstrip())
        shown.append(joined(*title, table, *figures(em, place, len(found))))
    return shown


def _told(fit: EMFit | BayesFit) -> Markup:
    title, *lines = (line.strip() for line in fit.headline())
    return joined(element("h3", title), listed(lines))


def _priors(bayes: BayesFit) -> dict[str, str]:
    if bayes.priors is None:
        return {"priors": "those of your own model"}
    lines = (line.partition(": ") for line in str(bayes.priors).splitlines())
    return {name: words for name, _, words in lines}


def _recipe(em: EMFit, bayes: BayesFit, source: str) -> list[Markup]:
    command = recipe.command(em, bayes, source)
    by_command = [_code("On the command line", command)] if command else []
    return [
        *by_command,
        _code("In Python", recipe.python(em, bayes, source)),
        element("h3", "Versions"),
        element("p", "Those with which this page was written.", class_="notes"),
        pairs(recipe.versions()),
    ]


def _code(title: str, lines: str) -> Markup:
    return joined(element("h3", title), element("pre", element("code", lines)))
