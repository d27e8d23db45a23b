"""The curvature of the log posterior density at its mode: what priors add, and what they hold.

Near a mode that a fair number of rows determine, a posterior is about normal, and its inverse
covariance is minus the second derivative of its logarithm (Laplace; Tierney and Kadane 1986). The
density is that of weights, means, standard deviations and correlations themselves, as `penalty`
has it. First derivatives vanish at the mode, so the second ones may be taken in any coordinates:
here in those of `coordinates`, where a covariance moves as ``F exp(S) F'``. With ``f_i`` the rows
of F, ``r_i = f_i / sd_i`` and ``c_i = sd_i F^-1 e_i``, priors see of S only ::

    log sd_i  = log(r_i' exp(S) r_i) / 2 + constant,    log det R = tr S - 2 sum(log sd_i) + ...,
    (R^-1)_ii = (r_i' exp(S) r_i) (c_i' exp(-S) c_i).

What is fixed leaves the rest fewer directions. Where standard deviations or correlations are,
those lie in a surface that is curved in S, and the slope across it adds to the curvature along it.

References
----------
Tierney, L. and Kadane, J. B. (1986). Accurate approximations for posterior moments and marginal
densities. Journal of the American Statistical Association 81, 82-86.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag, helmert, solve_triangular

from bayesgmm.em.coordinates import Coordinates
from bayesgmm.em.information import Information
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors import LKJ, Dirichlet, Fixed, Normal, Priors
from bayesgmm.priors.shapes import parameter_shapes

Array = npt.NDArray[np.float64]

_ON_A_BOUND = 1e-8  # of the bound: rounding of a standard deviation that an ascent put there


def posterior_information(
    information: Information, priors: Priors, covariance_type: str
) -> Information:
    """Add to the information of the rows what priors know.

    Parameters
    ----------
    information : Information
        Of the rows, at the posterior mode.
    priors : Priors
        In the units of the data, and in the order of the components.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The structure.

    Returns
    -------
    Information
        First and second derivatives of the log posterior density, in the directions `basis`
        that are left. `scores` are those of the rows alone.
    """
    found = _Curvature(information.coordinates, priors, covariance_type)
    gradient, bend = found.derivatives()
    gradient = information.gradient + gradient
    basis, across = found.free(gradient)

    def along(matrix: Array) -> Array:
        return np.asarray(basis.T @ matrix @ basis)

    return replace(
        information,
        basis=basis,
        gradient=basis.T @ gradient,
        observed=along(information.observed - bend) - across,
        complete=along(information.complete - bend) - across,
        scores=along(information.scores),
    )


def scales_on_a_bound(
    params: Params, priors: Priors, covariance_type: str
) -> npt.NDArray[np.bool_]:
    """Say which standard deviations (K, D) have run into a bound of their prior."""
    if isinstance(priors.scales, Fixed):
        return np.zeros(params.means.shape, dtype=np.bool_)
    lower, upper = (
        np.broadcast_to(_per_component(bound, covariance_type), params.means.shape)
        for bound in priors.scales.bounds
    )
    return np.asarray(
        (params.scales <= lower * (1 + _ON_A_BOUND)) | (params.scales >= upper * (1 - _ON_A_BOUND))
    )


def _per_component(value: object, covariance_type: str) -> Array:
    """Let what is given for each spherical component broadcast to (K, D)."""
    array = np.asarray(value, dtype=np.float64)
    return array[:, None] if array.ndim == 1 and covariance_type == "spherical" else array


@dataclass(frozen=True, eq=False)
class _Curvature:
    """Derivatives of a log prior density in the P free numbers, and which of them may move.

    A structure has M different covariance matrices, with G different standard deviations each.
    """

    coordinates: Coordinates
    priors: Priors
    covariance_type: str

    def derivatives(self) -> tuple[Array, Array]:
        """First and second derivatives, (P,) and (P, P), of the smooth priors."""
        blocks = [self._of_weights(), *self._of_means()]
        start = sum(len(slope) for slope, _ in blocks)
        n_covariance = self.coordinates.n_covariance
        gradient = np.concatenate([*(slope for slope, _ in blocks), np.zeros(n_covariance)])
        bend = block_diag(*(second for _, second in blocks), np.zeros((n_covariance,) * 2))
        slopes, bends = self._of_scales
        for matrix, slope, second in zip(self._matrices, slopes, bends, strict=True):
            where = start + matrix.columns
            first, curved = matrix.of_scales(slope, second)
            if self._correlated and isinstance(self.priors.correlations, LKJ):
                more, curved_more = matrix.of_correlations(self.priors.correlations)
                first, curved = first + more, curved + curved_more
            gradient[where] += first
            bend[np.ix_(where, where)] += curved
        return gradient, bend

    def free(self, gradient: Array) -> tuple[Array, Array]:
        """Directions (P, Q) that are left, and the curvature (Q, Q) due to `gradient` across them.

        Parameters
        ----------
        gradient : array, shape (P,)
            Of the log posterior density.
        """
        k, d = self._params.means.shape
        fixed_weights = isinstance(self.priors.weights, Fixed)
        fixed_means = isinstance(self.priors.means, Fixed)
        weights, means = np.eye(k - 1), np.eye(k * d)
        slopes = gradient[k - 1 + k * d :]
        found = [self._free(matrix, slopes[matrix.columns]) for matrix in self._matrices]
        covariances = np.zeros((len(slopes), sum(basis.shape[1] for basis, _ in found)))
        first = 0
        for matrix, (basis, _) in zip(self._matrices, found, strict=True):
            covariances[matrix.columns, first : first + basis.shape[1]] = basis
            first += basis.shape[1]
        basis = block_diag(
            weights[:, :0] if fixed_weights else weights,
            means[:, :0] if fixed_means else means,
            covariances,
        )
        across = np.zeros((basis.shape[1],) * 2)
        last = len(across) - covariances.shape[1]
        across[last:, last:] = block_diag(*(bend for _, bend in found))
        return basis, across

    def _of_weights(self) -> tuple[Array, Array]:
        weights, k = self._params.weights, self._params.n_components
        if k == 1:
            return np.zeros(0), np.zeros((0, 0))
        prior = self.priors.weights
        more = prior.a - 1 if isinstance(prior, Dirichlet) else 0.0
        extra = np.broadcast_to(more, k)
        contrasts, total = helmert(k), extra.sum()
        bend = total * (np.outer(weights, weights) - np.diag(weights))
        return contrasts @ (extra - total * weights), contrasts @ bend @ contrasts.T

    def _of_means(self) -> list[tuple[Array, Array]]:
        prior, means = self.priors.means, self._params.means
        if not isinstance(prior, Normal):
            return [(np.zeros(means.size), np.zeros((means.size,) * 2))]
        precision = np.broadcast_to(1 / np.square(prior.sigma), means.shape)
        pulls = precision * (prior.mu - means)
        return [
            (factor.T @ pull, -(factor.T * sharp) @ factor)
            for factor, pull, sharp in zip(self.coordinates.factors, pulls, precision, strict=True)
        ]

    @property
    def _of_scales(self) -> tuple[Array, Array]:
        """First and second derivatives (M, G) in the logarithms of the standard deviations."""
        size = (len(self._matrices), self._n_scales)
        k, d = self._params.means.shape
        shape = parameter_shapes(k, d, self.covariance_type)["scales"]
        logs = np.log(self._params.scales[: size[0], : size[1]]).reshape(shape)
        slope, bend = self.priors.scales.log_slopes(logs)
        return slope.reshape(size), bend.reshape(size)

    def _free(self, matrix: _Matrix, slope: Array) -> tuple[Array, Array]:
        scales = isinstance(self.priors.scales, Fixed)
        correlations = self._correlated and isinstance(self.priors.correlations, Fixed)
        n_local = len(slope)
        if scales and (correlations or not self._correlated):
            return np.zeros((n_local, 0)), np.zeros((0, 0))
        if scales:
            return matrix.with_fixed_scales(slope)
        if correlations:
            return matrix.with_fixed_correlations(slope)
        return np.eye(n_local), np.zeros((n_local, n_local))

    @cached_property
    def _matrices(self) -> list[_Matrix]:
        found = self.coordinates
        return [
            _Matrix(found.directions, found.columns[k], rows, columns, self._n_scales)
            for k, (rows, columns) in enumerate(self._rows_and_columns())
        ]

    def _rows_and_columns(self) -> list[tuple[Array, Array]]:
        number = 1 if self.covariance_type == "tied" else self._params.n_components
        scales = self._params.scales[:number, :, None]
        factors, inverses = self.coordinates.factors[:number], self.coordinates.inverses[:number]
        return list(zip(factors / scales, np.swapaxes(inverses, 1, 2) * scales, strict=True))

    @property
    def _n_scales(self) -> int:
        return 1 if self.covariance_type == "spherical" else self._params.n_features

    @property
    def _correlated(self) -> bool:
        return self._params.n_features > 1 and not get_structure(self.covariance_type).diagonal

    @property
    def _params(self) -> Params:
        return self.coordinates.params


@dataclass(frozen=True, eq=False)
class _Matrix:
    """A covariance matrix as its L numbers in S move it.

    Parameters
    ----------
    directions : array, shape (L, D, D)
        Orthonormal symmetric matrices that S is made of.
    columns : array of int, shape (L,)
        Places of their numbers among the free covariance numbers.
    rows, inverse_columns : array, shape (D, D)
        ``r_i`` and ``c_i``, one a row.
    n_scales : int
        How many of the standard deviations are different.
    """

    directions: Array
    columns: npt.NDArray[np.intp]
    rows: Array
    inverse_columns: Array
    n_scales: int

    def of_scales(self, slope: Array, bend: Array) -> tuple[Array, Array]:
        """Differentiate a function of the log scales, given its slopes and bends (G,)."""
        per_log = self._log_scales
        return per_log @ slope, (per_log * bend) @ per_log.T + self._curved_scales(slope)

    def of_correlations(self, prior: LKJ) -> tuple[Array, Array]:
        """Differentiate the log-density of the correlation matrix."""
        power, ridge, c = prior.eta - 1, prior.ridge, self.inverse_columns
        traces = np.trace(self.directions, axis1=1, axis2=2)
        inflation = np.square(c).sum(axis=1)
        wider, narrower = 2 * self._log_scales, self._seen_along(c)
        first = power * (traces - wider.sum(axis=1))
        first = first - ridge / 2 * (wider @ inflation - narrower.sum(axis=1))
        crossed = wider @ narrower.T
        inflated = self._twice(self.rows.T * inflation @ self.rows) + self._twice(c.T @ c)
        second = self._curved_scales(np.full(self.n_scales, -2 * power))
        return first, second - ridge / 2 * (inflated - crossed - crossed.T)

    def with_fixed_scales(self, slope: Array) -> tuple[Array, Array]:
        """Directions (L, Q) that leave the scales as they are, and the curvature due to them.

        A slope across them is what the scales would gain: the multipliers of Lagrange.
        """
        across = self._log_scales
        turned, upper = np.linalg.qr(across, mode="complete")
        size = across.shape[1]
        along = turned[:, :size].T @ slope
        multipliers = solve_triangular(upper[:size], along, check_finite=False)
        basis = turned[:, size:]
        return basis, -basis.T @ self._curved_scales(multipliers) @ basis

    def with_fixed_correlations(self, slope: Array) -> tuple[Array, Array]:
        """Directions (L, D) in which scales grow, and the curvature due to them.

        If the log scales grow by t, S is ``log(exp(E) exp(E'))`` with ``E = sum(t_i c_i r_i')``,
        to second order ``E + E' + (E E' - E' E) / 2``.
        """
        r, c = self.rows, self.inverse_columns
        basis = 2 * np.einsum("ia,pab,ib->pi", c, self.directions, r, optimize=True)
        pull = np.tensordot(slope, self.directions, axes=1)
        return basis, (r @ r.T) * (c @ pull @ c.T) - (c @ c.T) * (r @ pull @ r.T)

    @cached_property
    def _log_scales(self) -> Array:
        """Derivatives of the log scales, shape (L, G)."""
        return self._seen_along(self.rows[: self.n_scales]) / 2

    def _curved_scales(self, weights: Array) -> Array:
        """Second derivatives (L, L) of the sum of the log scales times weights (G,)."""
        rows, twice = self.rows[: self.n_scales], 2 * self._log_scales
        return np.asarray((self._twice(rows.T * weights @ rows) - twice * weights @ twice.T) / 2)

    def _seen_along(self, vectors: Array) -> Array:
        """``v' S v`` of each vector (V, D) and direction, shape (L, V)."""
        found: Array = np.einsum("va,pab,vb->pv", vectors, self.directions, vectors, optimize=True)
        return found

    def _twice(self, weight: Array) -> Array:
        """``tr(S W T)`` of each two directions S and T, shape (L, L)."""
        n_local = len(self.directions)
        moved = (self.directions @ weight).reshape(n_local, -1)
        return np.asarray(moved @ self.directions.reshape(n_local, -1).T)
