"""What priors ask of EM: a log-density to add, and an M-step that climbs the sum.

The estimate is the posterior mode of the parameters themselves: weights, means, standard
deviations and correlation matrices. A density has no mode of its own, only one in given
coordinates; in others (logarithms of the standard deviations, say, where a sampler moves) the
same posterior peaks elsewhere. No Jacobians are added here.

The M-step is conditional (ECM, Meng and Rubin 1993): weights, then means given covariances, then
covariances given means. Each is at least as probable as before, so EM still never goes down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em.modes import LogScalePrior, best_covariances, best_scales
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures import Structure, factorise
from bayesgmm.priors import LKJ, Dirichlet, Fixed, Normal, Priors
from bayesgmm.priors.shapes import parameter_shapes

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Penalty:
    """Priors as penalised EM needs them, for mixtures in units of its own; see `Penalty.of`.

    All arrays have a leading axis of S mixtures, each of which is treated by itself. A factor is
    (S, K, D, D) lower Cholesky factors, or (S, K, D) standard deviations for the diagonal
    structures.

    A prior of the scales that vanishes faster than every power at zero (log-normal, inverse
    gamma) keeps every standard deviation from collapsing. It says nothing of correlations: on
    `m` rows that lie on one oblique line or plane, LKJ(eta) keeps a full covariance from
    becoming singular only while ``m < 2 (eta - 1)``, unless it has a ridge.

    Starts are brought to where the density is positive (`within`), and no M-step leaves it.

    References
    ----------
    Meng, X.-L. and Rubin, D. B. (1993). Maximum likelihood estimation via the ECM algorithm: a
    general framework. Biometrika 80, 267-278.
    """

    priors: Priors
    structure: Structure
    unit: Array
    means: Normal | Fixed

    @classmethod
    def of(
        cls,
        priors: Priors,
        structure: Structure,
        n_components: int,
        n_features: int,
        origin: Array,
        unit: Array,
    ) -> Penalty:
        """Translate priors, which are in the user's units, to those in which EM climbs.

        Parameters
        ----------
        priors : Priors
            In the user's units.
        structure : Structure
            Full, tied, diagonal or spherical.
        n_components, n_features : int
            K and D.
        origin, unit : array, shape (D,)
            EM sees ``(x - origin) / unit``. For spherical covariances all units are equal.

        Raises
        ------
        InputError
            If a prior does not fit the shape of its parameters, the structure is not one of the
            four, the density of the weights has no mode at which all are positive, or means are
            to be ordered.
        """
        if priors.ordered is not None:
            raise InputError(
                "EM needs no order, because the likelihood does not change with it, and has none: "
                "leave out ordered, or use fit_bayes"
            )
        priors.check_shapes(parameter_shapes(n_components, n_features, structure.name))
        if n_components > 1 and isinstance(priors.weights, Dirichlet):
            least = np.min(priors.weights.a)
            if least < 1:
                raise InputError(
                    f"EM needs a concentration of the weights of at least 1, not {least:g}: below "
                    "1 the most probable weight is zero; use Dirichlet(1) or larger, or fit_bayes"
                )
        shape, means = (n_components, n_features), priors.means
        if isinstance(means, Fixed):
            inside: Normal | Fixed = Fixed((np.broadcast_to(means.value, shape) - origin) / unit)
        else:
            centre = (np.broadcast_to(means.mu, shape) - origin) / unit
            inside = Normal(centre, np.broadcast_to(means.sigma, shape) / unit)
        return cls(priors, structure, np.asarray(unit), inside)

    def within(self, weights: Array, means: Array, factor: Array) -> tuple[Array, Array, Array]:
        """Bring mixtures to the nearest place where the priors have a density.

        What is fixed gets its value, with covariances about fixed means, and standard deviations
        go to the nearest within their bounds, where an ascent is free to leave a bound again.
        Otherwise an ascent would begin with a step down: from a likelihood that is out of reach.

        Parameters
        ----------
        weights : array, shape (S, K)
        means : array, shape (S, K, D)
        factor : array, shape (S, K, D, D) or (S, K, D)

        Returns
        -------
        weights, means, factor : array
        """
        if isinstance(self.means, Fixed):
            fixed = np.broadcast_to(self.means.value, means.shape).copy()
            means, factor = fixed, self._about(weights, fixed - means, factor)
        if isinstance(self.priors.weights, Fixed):
            weights = np.broadcast_to(self.priors.weights.value, weights.shape).copy()
        shared, prior = self._shared(factor), self._scale_prior()
        if self.structure.diagonal:
            return weights, means, self._spread(_clipped(shared, prior), factor.shape)
        scales = np.sqrt(np.square(shared).sum(axis=-1))
        rows = shared / scales[..., None]
        if isinstance(self.priors.correlations, Fixed) and rows.shape[-1] > 1:
            rows = np.linalg.cholesky(np.asarray(self.priors.correlations.value))
        found = _clipped(scales, prior)[..., None] * rows
        return weights, means, self._spread(found, factor.shape)

    def log_density(self, weights: Array, means: Array, factor: Array) -> Array:
        """Log prior density of mixtures, as a density of parameters in the user's units.

        That is of all weights but the last, the means, the standard deviations, and the
        correlations (not their Cholesky factors, whose density `Priors.log_density` gives).

        Parameters
        ----------
        weights : array, shape (S, K)
        means : array, shape (S, K, D)
        factor : array, shape (S, K, D, D) or (S, K, D)

        Returns
        -------
        array, shape (S,)
        """
        found = np.zeros(len(weights))
        if isinstance(self.priors.weights, Dirichlet):
            found = found + self.priors.weights.logpdf(weights)
        if isinstance(self.means, Normal):
            found = found + (self.means.logpdf(means) - np.log(self.unit)).sum(axis=(-2, -1))
        shared = self._shared(factor)
        prior = self._scale_prior()
        if self.structure.diagonal:
            return found + prior.log_density(np.log(shared)).reshape(len(found), -1).sum(axis=-1)
        scales = np.sqrt(np.square(shared).sum(axis=-1))
        per_matrix = prior.log_density(np.log(scales)).sum(axis=-1)
        if isinstance(self.priors.correlations, LKJ):
            rows = shared / scales[..., None]
            per_matrix = per_matrix + self.priors.correlations.logpdf_of_matrix(rows)
        return found + per_matrix.reshape(len(found), -1).sum(axis=-1)

    def mstep(
        self, counts: Array, sums: Array, scatter: Array, means: Array, factor: Array
    ) -> tuple[Array, Array, Array]:
        """Climb the expected log-likelihood plus the log prior density.

        Parameters
        ----------
        counts : array, shape (S, K)
            Expected rows of each component.
        sums : array, shape (S, K, D)
            Expected sums of the rows, centred at `means`.
        scatter : array, shape (S, K, D, D), or (S, K, D) for a diagonal structure
            Expected scatter of the rows, centred at `means`.
        means, factor : array
            Where to climb from.

        Returns
        -------
        weights : array, shape (S, K)
        means : array, shape (S, K, D)
        covariances : array, in the shape of `scatter`
        """
        weights = self._weights(counts)
        step = self._means_step(counts, sums, means, factor)
        return weights, means + step, self._covariances(counts, sums, scatter, step, factor)

    def _weights(self, counts: Array) -> Array:
        prior = self.priors.weights
        if isinstance(prior, Fixed):
            return np.broadcast_to(prior.value, counts.shape).copy()
        share = counts + (prior.a - 1)
        weights: Array = share / share.sum(axis=-1, keepdims=True)
        return weights

    def _means_step(self, counts: Array, sums: Array, means: Array, factor: Array) -> Array:
        """Solve ``(n + C P) step = sums + C P (centre - means)``, P the precision of the prior.

        It is the usual equation times the covariance C, which need not be inverted then.
        """
        if isinstance(self.means, Fixed):
            return np.asarray(self.means.value - means)
        precision, offset = 1 / np.square(self.means.sigma), self.means.mu - means
        if self.structure.diagonal:
            weight = np.square(factor) * precision
            step: Array = (sums + weight * offset) / (counts[..., None] + weight)
            return step
        weight = (factor @ factor.mT) * precision[..., None, :]
        right = sums[..., None] + weight @ offset[..., None]
        system = counts[..., None, None] * np.eye(means.shape[-1]) + weight
        return np.linalg.solve(system, right)[..., 0]

    def _covariances(
        self, counts: Array, sums: Array, scatter: Array, step: Array, factor: Array
    ) -> Array:
        """Improve the covariances about ``means + step``, in the shape of `scatter`."""
        start, prior = self._shared(factor), self._scale_prior()
        if self.structure.diagonal:
            squares = scatter - 2 * step * sums + counts[..., None] * np.square(step)
            rows = np.broadcast_to(counts[..., None], squares.shape)
            scales = best_scales(self._pooled(rows), self._pooled(squares), start, prior)
            return self._spread(np.square(scales), scatter.shape)
        crossed = step[..., :, None] * sums[..., None, :]
        moved = counts[..., None, None] * step[..., :, None] * step[..., None, :]
        rows, about = self._pooled(counts), self._pooled(scatter - crossed - crossed.mT + moved)
        if about.shape[-1] == 1:
            scales = best_scales(rows[..., None], about[..., 0], start[..., 0], prior)
            found = np.square(scales)[..., None]
        else:
            found = best_covariances(rows, about, start, prior, self.priors.correlations)
        return self._spread(found, scatter.shape)

    def _about(self, weights: Array, step: Array, factor: Array) -> Array:
        """Factors of the covariances about other centres, a step away."""
        if self.structure.diagonal:
            about = np.square(factor) + np.square(step)
            rows = weights[..., None]
        else:
            about = factor @ factor.mT + step[..., :, None] * step[..., None, :]
            rows = weights[..., None, None]
        return factorise(self.structure.covariances(weights, rows * about))[0]

    def _scale_prior(self) -> LogScalePrior:
        unit = self.unit[0] if self.structure.name == "spherical" else self.unit
        return LogScalePrior(self.priors.scales, np.log(unit))

    def _shared(self, factor: Array) -> Array:
        """Take one of the equal copies that the structure makes."""
        axis = _SHARED_AXIS.get(self.structure.name)
        return factor if axis is None else np.asarray(factor.take(0, axis))

    def _pooled(self, statistics: Array) -> Array:
        """Sum statistics over what the structure shares."""
        axis = _SHARED_AXIS.get(self.structure.name)
        return statistics if axis is None else np.asarray(statistics.sum(axis=axis))

    def _spread(self, found: Array, shape: tuple[int, ...]) -> Array:
        """Copy what is shared to all that share it."""
        axis = _SHARED_AXIS.get(self.structure.name)
        return found if axis is None else np.broadcast_to(np.expand_dims(found, axis), shape).copy()


_SHARED_AXIS = {"tied": 1, "spherical": 2}  # of (mixture, component, feature)


def _clipped(scales: Array, prior: LogScalePrior) -> Array:
    """Return the nearest standard deviations that have a density: those that have, unchanged."""
    u = np.log(scales)
    nearest = prior.within(u)
    return np.where(nearest == u, scales, np.exp(nearest))
