"""Coordinates around an estimate, in which standard errors are worked out.

Every component is moved by its own small numbers: ``mu + F d`` and ``F exp(S) F'``, where F is a
square root of its covariance and S is symmetric. In these, all features have one unit and any
scale, and the derivatives of a Gaussian are short (`information`). A structure ties the numbers
of the components together. Volume moves S along the identity, shape along diagonal matrices of
trace zero, orientation along the rest; each is shared, free in every component, or absent, as
the three letters of the structure say (Celeux and Govaert 1995).

Where shape and orientation carry the same letter, S is linear in the free numbers. Where one is
shared and the other is not, F is made of eigenvectors and eigenvalues, orientation turns the
eigenvectors, and S is curved: `Coordinates.curvature`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import helmert, solve_triangular

from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Free numbers of a mixture around an estimate, and how they move its components.

    Component k has M local numbers: one for its log weight, D for its mean, and one for each of
    the symmetric matrices that S may be made of.

    Attributes
    ----------
    params : Params
        The estimate, where all free numbers are zero.
    factors, inverses : array, shape (K, D, D)
        F and its inverse: ``F F'`` is the covariance.
    diagonals : array, shape (L, D)
        Orthonormal diagonals of the volume and shape matrices.
    pairs : tuple of two arrays of int
        Off-diagonal places (i, j) of the orientation matrices, ``(e_i e_j' + e_j e_i') / sqrt 2``.
    columns : array of int, shape (K, L + pairs)
        Which free covariance number moves each local one; equal numbers are shared.
    slopes : array, shape (K, pairs)
        How fast each orientation number moves S: 1 where the coordinates are linear.
    spectrum : array, shape (K, D), or None
        Eigenvalues of the covariances, where the coordinates are curved.
    """

    params: Params
    factors: Array
    inverses: Array
    diagonals: Array
    pairs: tuple[Indices, Indices]
    columns: Indices
    slopes: Array
    spectrum: Array | None

    @property
    def n_covariance(self) -> int:
        """Number of free covariance numbers."""
        return int(self.columns.max()) + 1

    @cached_property
    def directions(self) -> Array:
        """Symmetric matrices that S is made of, shape (L + pairs, D, D), orthonormal."""
        i, j = self.pairs
        size = len(self.diagonals)
        matrices = np.zeros((size + len(i), *self.factors.shape[1:]))
        axis = np.arange(self.params.n_features)
        matrices[:size, axis, axis] = self.diagonals
        off = np.arange(len(i))
        matrices[size + off, i, j] = matrices[size + off, j, i] = np.sqrt(0.5)
        return matrices

    @cached_property
    def jacobian(self) -> Array:
        """Local numbers by free ones, shape (K M, P): weights, means, then covariances."""
        k, d = self.params.means.shape
        n_local = 1 + d + self.columns.shape[1]
        jacobian = np.zeros((k, n_local, k - 1 + k * d + self.n_covariance))
        if k > 1:  # log weights matter up to a constant: contrasts have none
            jacobian[:, 0, : k - 1] = helmert(k).T
        size = len(self.diagonals)
        for component in range(k):
            first = k - 1 + component * d
            jacobian[component, 1 : 1 + d, first : first + d] = np.eye(d)
            columns = k - 1 + k * d + self.columns[component]
            slopes = np.concatenate([np.ones(size), self.slopes[component]])
            jacobian[component, 1 + d + np.arange(len(columns)), columns] = slopes
        return jacobian.reshape(k * n_local, -1)

    def curvature(self, gradients: Array) -> Array:
        """Second derivative of ``sum_k <gradients_k, S_k>`` in the free numbers, shape (P, P).

        Parameters
        ----------
        gradients : array, shape (K, D, D)
            Symmetric matrices.
        """
        second = np.zeros((self.jacobian.shape[1],) * 2)
        if self.spectrum is None:
            return second
        start = second.shape[0] - self.n_covariance
        for gradient, values, columns in zip(gradients, self.spectrum, self.columns, strict=True):
            where = start + columns
            # the numbers of one component are all different, so nothing is added twice here
            second[np.ix_(where, where)] += self._curvature_of_one(gradient, values)
        return second

    def _curvature_of_one(self, gradient: Array, spectrum: Array) -> Array:
        """Second derivative of <gradient, S> in the local numbers of one component.

        With a a diagonal matrix, W skew and V the eigenvalues, the covariance is
        ``Q exp(W) V exp(a) exp(-W) Q'``, and S, its logarithm between inverse factors, is to
        second order ``A + B - A A / 2`` with ``A = a + r [W, V] r``,
        ``B = r (a a V / 2 + [W, a V] + [W, [W, V]] / 2) r`` and ``r = V ** -1/2``.
        """
        size, (i, j) = len(self.diagonals), self.pairs
        root = np.sqrt(spectrum)
        n_local = self.directions.shape[0]
        skew = np.zeros_like(self.directions)
        off = np.arange(size, n_local)
        skew[off, i, j], skew[off, j, i] = np.sqrt(0.5), -np.sqrt(0.5)
        diagonal = np.zeros((n_local, len(spectrum)))
        diagonal[:size] = self.diagonals
        turned = skew * spectrum - spectrum[:, None] * skew  # [W, V]
        first = turned / np.outer(root, root)
        axis = np.arange(len(spectrum))
        first[:, axis, axis] += diagonal
        weight = gradient / np.outer(root, root)
        pull = weight @ skew - skew @ weight  # tr(weight [W, X]) = tr(pull X)
        bilinear = (diagonal * np.diagonal(gradient)) @ diagonal.T / 2
        bilinear += np.diagonal(pull, axis1=1, axis2=2) @ (diagonal * spectrum).T
        bilinear += _traces(pull, turned) / 2
        bilinear -= _traces(gradient @ first, first) / 2
        return bilinear + bilinear.T


def local_coordinates(params: Params, covariance_type: str) -> Coordinates:
    """Coordinates around an estimate that do not leave its covariance structure.

    Parameters
    ----------
    params : Params
        The estimate, a member of the structure.
    covariance_type : str
        The structure: scikit-learn's name, or mclust's three letters for volume, shape and
        orientation, each E (equal), V (varying) or I (identity).
    """
    k, d = params.means.shape
    volume, shape, orientation = tuple(get_structure(covariance_type).code)
    shapes = helmert(d) if shape != "I" else np.empty((0, d))
    pairs = np.triu_indices(d if orientation != "I" else 0, 1)
    spectrum, slopes = None, np.ones((k, len(pairs[0])))
    if orientation not in (shape, "I"):  # then S is curved
        root, vectors = _eigen(params.cholesky, shared=orientation == "E")
        spectrum = root**2
        factors = vectors * root[:, None, :]
        inverses = np.swapaxes(vectors, 1, 2) / root[:, :, None]
        i, j = pairs
        slopes = (spectrum[:, j] - spectrum[:, i]) / (root[:, i] * root[:, j])
    else:
        factors, eye = params.cholesky, np.eye(d)
        inverses = np.stack([solve_triangular(factor, eye, lower=True) for factor in factors])
    diagonals = np.concatenate([np.full((1, d), d**-0.5), shapes])
    columns = _columns(volume + shape * len(shapes) + orientation * len(pairs[0]), k)
    return Coordinates(params, factors, inverses, diagonals, pairs, columns, slopes, spectrum)


def _columns(letters: str, n_components: int) -> Indices:
    """Say which free number moves each local one: one for all components (E), or one each (V)."""
    columns = np.empty((n_components, len(letters)), dtype=np.intp)
    free = 0
    for local, letter in enumerate(letters):
        width = 1 if letter == "E" else n_components
        columns[:, local] = free + np.arange(n_components) % width
        free += width
    return columns


def _eigen(cholesky: Array, shared: bool) -> tuple[Array, Array]:
    """Roots of eigenvalues (K, D) and eigenvectors (K, D, D), one set of vectors if `shared`.

    The singular values of a factor are as exact as its entries; squares would lose half of that.
    """
    if not shared:
        vectors, roots, _ = np.linalg.svd(cholesky)
        return roots, vectors
    # unequal shares, so that components do not make each other's eigenvalues tie in the sum
    size = np.linalg.norm(cholesky, axis=(1, 2)) * np.arange(2, len(cholesky) + 2) ** 0.25
    vectors = np.linalg.svd(np.concatenate(list(cholesky / size[:, None, None]), axis=1))[0]
    return np.linalg.norm(vectors.T @ cholesky, axis=2), np.broadcast_to(vectors, cholesky.shape)


def _traces(left: Array, right: Array) -> Array:
    """Traces of all products ``left_p @ right_q``, shape (P, Q)."""
    return left.reshape(len(left), -1) @ np.swapaxes(right, 1, 2).reshape(len(right), -1).T
