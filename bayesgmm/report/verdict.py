"""What to think of the two fits, before any number is read."""

from __future__ import annotations

from bayesgmm.bayes.diagnostics import Verdict
from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.report.markup import Markup, element, listed
from bayesgmm.report.places import Place
from bayesgmm.report.writing import is_warning

_TITLES = {
    Verdict.CONVERGED: "the draws should not be trusted yet",
    Verdict.LABELS_ONLY: "the mixture can be trusted, its components cannot",
    Verdict.SEVERAL_MODES: "several modes: there is no one posterior to report",
    Verdict.UNFINISHED: "the draws should not be trusted yet",
}


def warnings(em: EMFit, bayes: BayesFit) -> list[str]:
    """Say what speaks against the draws, then what speaks against the maximum."""
    of_em = [line.strip().removeprefix("WARNING: ") for line in em.headline() if is_warning(line)]
    return [*bayes.diagnostics.problems, *(f"EM: {line}" for line in of_em)]


def banner(em: EMFit, bayes: BayesFit, found: tuple[Place, ...]) -> Markup:
    """Say whether to trust the fits, and if so, how far apart they are."""
    problems = warnings(em, bayes)
    if not problems:
        return _box("Nothing speaks against these draws", element("p", _apart(found[0])), "")
    trusted = bayes.diagnostics.trustworthy
    title = "EM's maximum should not be trusted" if trusted else _TITLES[bayes.diagnostics.kind]
    return _box(f"Warning: {title}", listed(problems), " bad")


def _box(title: str, words: Markup, kind: str) -> Markup:
    role = {"role": "alert"} if kind else {}
    return element("section", element("h2", title), words, class_=f"verdict{kind}", **role)


def _apart(place: Place) -> str:
    """Name the parameter about which the two fits differ most."""
    shifts = place.comparison["difference"]
    if shifts.isna().all():
        return "There is nothing in which the two fits could differ."
    row = place.comparison.iloc[int(shifts.abs().argmax())]
    name = f"{row['parameter']} {row['feature']}".rstrip()
    return (
        f"EM and the posterior mean differ most in the {name} of component {row['component']}: "
        f"by {abs(row['difference']):.2f} posterior standard deviations."
    )
