"""Priors of numbers that hang together: shares that sum to one, and correlation matrices."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats, Prior, words

_MOST_TRIES = 10_000
_NUMBERS = 100_000  # in the draws that a constant is estimated from


@dataclass(frozen=True, eq=False, repr=False)
class Dirichlet(Prior):
    """Dirichlet distribution of shares that sum to one, with concentration `a`.

    A single number stands for the same concentration in every component.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> prior = bg.priors.Dirichlet([8, 2])  # about four fifths, and one fifth
    >>> bool(prior.logpdf([0.8, 0.2]) > prior.logpdf([0.5, 0.5]))
    True
    """

    a: Any = 1.0

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of shares.

        Parameters
        ----------
        x : (..., K) array_like
            Shares; every row sums to one.

        Returns
        -------
        (...) ndarray
            Density with respect to all shares but the last. Minus infinity outside the simplex.
        """
        shares = np.asarray(x, dtype=np.float64)
        a = np.broadcast_to(self.a, shares.shape[-1:])
        inside = np.all((shares >= 0) & (shares <= 1), axis=-1)
        terms = xlogy(a - 1, np.where(shares >= 0, shares, 0)) - gammaln(a)
        return np.where(inside, terms.sum(-1) + gammaln(a.sum()), -np.inf)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw shares; the last axis of `shape` counts the components."""
        return rng.dirichlet(np.broadcast_to(self.a, shape[-1:]), size=shape[:-1])

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        flat = ": all divisions are equally likely" if np.all(np.asarray(self.a) == 1) else ""
        return f"Dirichlet with concentration {words(self.a)}{flat}"


@dataclass(frozen=True, eq=False, repr=False)
class LKJ(Prior):
    """Distribution of correlation matrices with density proportional to ``det(R)**(eta - 1)``.

    It is written for the lower Cholesky factor of the matrix, as in PyMC. With ``eta=1`` every
    matrix is equally likely, and larger values favour weak correlations. Each correlation of a
    matrix of size D is, on its own, ``2 Beta(b, b) - 1`` with ``b = eta - 1 + D/2``.

    A power of the determinant does not keep enough rows on one line or plane from making the
    matrix singular. With a `ridge`, the density is multiplied by
    ``exp(-ridge/2 * (trace(inverse(R)) - D))``, which falls off faster than every power wherever
    R becomes singular, in whatever direction. The diagonal of the inverse holds the variance
    inflation factors of the features. To the likelihood of R this adds the sum of squares of
    ``ridge`` rows whose features are uncorrelated, so that a component of n rows feels it like
    ``ridge / n``. The density is then known up to a constant.

    Parameters
    ----------
    eta : float
        Positive.
    ridge : float
        In rows, zero or positive. Zero is PyMC's ``LKJCorr``.

    References
    ----------
    Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices
    based on vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.LKJ(eta=2, ridge=0.1).describe()
    'LKJ with eta 2, with a ridge of 0.1 rows: favours weak correlations'
    """

    eta: float = 2.0
    ridge: float = 0.0
    _signs: ClassVar[dict[str, str]] = {"ridge": "zero or positive"}

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            if np.ndim(value) != 0:
                raise InputError(f"LKJ: {name} must be a single number")
        super().__post_init__()

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of Cholesky factors of correlation matrices.

        Parameters
        ----------
        x : (..., D, D) array_like
            Lower Cholesky factors, rows of length one.

        Returns
        -------
        (...) ndarray
            Density with respect to the elements under the diagonal.
        """
        cholesky = np.asarray(x, dtype=np.float64)
        size = cholesky.shape[-1]
        # R has the derivative prod(diagonal_i ** (size - i)) with respect to its factor
        return self._with_powers(cholesky, 2 * self.eta - 2 + size - np.arange(1, size + 1))

    def logpdf_of_matrix(self, x: ArrayLike) -> Floats:
        """Log-density of the correlation matrices themselves, given by their factors.

        Parameters
        ----------
        x : (..., D, D) array_like
            Lower Cholesky factors, rows of length one.

        Returns
        -------
        (...) ndarray
            Density of ``x @ x.T`` with respect to the correlations, ``det(R)**(eta - 1)`` up to
            a constant. Unlike `logpdf`, it does not depend on the order of the features.
        """
        cholesky = np.asarray(x, dtype=np.float64)
        return self._with_powers(cholesky, np.full(cholesky.shape[-1], 2 * self.eta - 2))

    def _with_powers(self, cholesky: Floats, powers: Floats) -> Floats:
        diagonal = np.diagonal(cholesky, axis1=-2, axis2=-1)
        terms = np.asarray(xlogy(powers, diagonal), dtype=np.float64)
        found = self._log_constant(cholesky.shape[-1]) + terms[..., 1:].sum(-1)
        return np.asarray(found - self._ridge_term(cholesky))

    def _ridge_term(self, cholesky: Floats) -> Any:
        if not self.ridge:
            return 0.0
        nearly = cholesky + 1e-150 * np.eye(cholesky.shape[-1])  # a diagonal may have underflowed
        inverse = np.linalg.inv(nearly)
        return 0.5 * self.ridge * (np.square(inverse).sum((-2, -1)) - cholesky.shape[-1])

    def _log_constant(self, size: int) -> float:
        below = np.arange(1, size)  # row i of the factor is a point of a ball in i dimensions
        terms = gammaln(self.eta + (size - 1) / 2) - gammaln(self.eta + (size - 1 - below) / 2)
        return float(np.sum(terms - below / 2 * np.log(np.pi)))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw Cholesky factors of correlation matrices by the C-vine.

        Column by column, partial correlations are drawn from the beta distributions of
        Lewandowski, Kurowicka and Joe (2009); each uses up a share of what is left of the unit
        length of its row. With a ridge, draws are rejected with the probability that it asks for.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        shape : tuple of int
            ``(..., D, D)``.

        Returns
        -------
        (..., D, D) ndarray
            Lower triangular, positive diagonals, rows of length one.

        Raises
        ------
        InputError
            If nearly all draws are rejected.
        """
        found = self._vine(rng, shape)
        if not self.ridge:
            return found
        flat = found.reshape(-1, *shape[-2:])
        waiting = np.arange(len(flat))
        for _ in range(_MOST_TRIES):
            rejected = rng.random(len(waiting)) > np.exp(-self._ridge_term(flat[waiting]))
            waiting = waiting[rejected]
            if not len(waiting):
                return found
            flat[waiting] = self._vine(rng, (len(waiting), *shape[-2:]))
        raise InputError(
            f"LKJ: a ridge of {self.ridge:g} rejects nearly all correlation matrices of "
            f"{shape[-1]} features; make it smaller, or eta larger"
        )

    def _vine(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        *batch, size, _ = shape
        cholesky = np.zeros(shape)
        left = np.ones((*batch, size))
        for j in range(size):
            b = self.eta + (size - 2 - j) / 2 if j < size - 1 else 1.0
            partial = 2 * rng.beta(b, b, size=(*batch, size - 1 - j)) - 1
            cholesky[..., j, j] = np.sqrt(left[..., j])
            cholesky[..., j + 1 :, j] = partial * np.sqrt(left[..., j + 1 :])
            left[..., j + 1 :] *= (1 - partial) * (1 + partial)
        return cholesky

    def log_kept(self, size: int) -> float:
        """Log of the mass that `logpdf` has: the mean of the ridge's factor over LKJ's own draws.

        Parameters
        ----------
        size : int
            Of the correlation matrices, D.

        Returns
        -------
        float
            0 without a ridge; otherwise estimated, from the same draws at every call.
        """
        if not self.ridge or size == 1:
            return 0.0
        return _log_kept(float(self.eta), float(self.ridge), size)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        if self.eta == 1:
            tendency = "all correlation matrices are equally likely"
        else:
            tendency = f"favours {'weak' if self.eta > 1 else 'strong'} correlations"
        ridge = f", with a ridge of {words(self.ridge)} rows" if self.ridge else ""
        return f"LKJ with eta {words(self.eta)}{ridge}: {tendency}"


@functools.cache
def _log_kept(eta: float, ridge: float, size: int) -> float:
    prior = LKJ(eta, ridge)
    draws = prior._vine(np.random.default_rng(0), (_NUMBERS // size**2 + 1, size, size))
    return float(np.log(np.exp(-prior._ridge_term(draws)).mean()))
