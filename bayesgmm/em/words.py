"""What an EM fit says of itself: what was fitted, why it stopped, how it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesgmm.em.climb import Reason

if TYPE_CHECKING:
    from bayesgmm.em.result import EMFit


def title(fit: EMFit) -> str:
    """Say what was fitted to what."""
    kind = "EM fit" if fit.priors is None else "Posterior mode, by EM,"
    return f"{kind} of {fit._mixture} to {fit.data.n_rows} rows of {', '.join(fit.feature_names)}"


def headline(fit: EMFit) -> list[str]:
    """Say in a few lines what was fitted, how it went and whether to trust it."""
    return [
        title(fit),
        *(f"  {line}" for line in (_criteria(fit) if fit.priors is None else _at_the_mode(fit))),
        *([f"  ridge of {fit.reg_covar:g}: {_RIDGE}"] if fit.reg_covar else []),
        f"  {_why_stopped(fit)}",
        f"  {_how_found(fit)}",
        *([f"  WARNING: {_UNSOUND}"] if not fit.sound else []),
    ]


def _criteria(fit: EMFit) -> list[str]:
    return [
        f"log-likelihood {fit.log_likelihood:.3f} with {fit.n_parameters} parameters; "
        f"BIC {fit.bic:.2f}, AIC {fit.aic:.2f}, ICL {fit.icl:.2f} (lower is better)"
    ]


def _at_the_mode(fit: EMFit) -> list[str]:
    """Give what still means something where the likelihood alone is not at its highest."""
    return [
        f"log-likelihood {fit.log_likelihood:.3f} with {fit.n_parameters} free parameters; "
        f"log prior density {fit.log_prior:.3f}",
        f"BIC {fit.bic:.2f} at the mode (lower is better): too harsh where the priors settle "
        "what the rows leave open",
    ]


OF_THE_MODE = "are of the posterior mode: by the curvature of the log posterior density there"

_UNSOUND = (
    "a component rests on so few distinct values that this maximum is an artefact; nothing better "
    "was found. Use fewer components, or another covariance_type"
)

_RIDGE = "it keeps the covariances regular, which the rows cannot determine"


def _why_stopped(fit: EMFit) -> str:
    tol = fit.settings.get("tol", float("nan"))
    return {
        Reason.CONVERGED: f"converged after {fit.n_iter} iterations: "
        f"less than {tol:g} of log-likelihood is left to gain",
        Reason.MAX_ITER: f"NOT converged: stopped after max_iter = {fit.n_iter} iterations; "
        "raise max_iter",
        Reason.COLLAPSED: f"stopped after {fit.n_iter} iterations because a component "
        "collapsed onto few distinct values, where the likelihood is unbounded",
    }[fit.reason]


def _how_found(fit: EMFit) -> str:
    n_starts = fit.settings.get("n_starts")
    if n_starts is None or fit.settings.get("start"):
        return "started from the given point"
    if fit.n_components == 1:
        return "one component has one maximum: the mean and covariance of the rows"
    others = [m.log_likelihood + m.log_prior for m in fit.maxima[1:] if m.sound]
    second = f"; the next best maximum is {others[0]:.3f}" if others else ""
    unsound = sum(m.n_found for m in fit.maxima if not m.sound)
    thrown = f"; {unsound} that collapsed onto few distinct values set aside" if unsound else ""
    return (
        f"best of {n_starts} starts, reached by at least {fit.maxima[0].n_found}"
        f"{second}{thrown if fit.sound else ''}"
    )
