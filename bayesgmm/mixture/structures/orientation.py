"""Axes in which several scatter matrices are as nearly diagonal as they can be at once.

Where components share their orientation but not their shapes, only the shared axes have to be
searched for: the shapes that go with them are known. In axes D, with w_k the diagonal of
``D' W_k D``, the likelihood is largest where ``Σ_k n_k Σ_j log w_kj`` is least if volumes vary
(Flury's common principal components), and where ``Σ_k (Π_j w_kj)^(1/D)`` is if they are equal.

Both are concave in w, so that a tangent lies above them: ``Σ_kj v_k w_kj / a_kj``, with a the
present w, and v_k the count n_k or the present ``(Π_j w_kj)^(1/D)``. Turning one pair of axes by
an angle θ changes the tangent by ``P (cos 2θ - 1) + Q sin 2θ``, which is least at an angle that
can be written down. Going round all pairs until none gains anything therefore never goes astray,
and never back.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_inner

Array = npt.NDArray[np.float64]

_SWEEPS = 200
_GAIN = 1e-15  # least gain, as a share of the tangent, that is worth a rotation


def rotated(axes: Array, scatter: Array, counts: Array) -> Array:
    """Rotate axes until scatter matrices are as nearly diagonal as possible.

    Parameters
    ----------
    axes : array, shape (S, D, D)
        Where to start: the axes of S mixtures, in columns.
    scatter : array, shape (S, K, D, D)
        Scatter of each component.
    counts : array, shape (S, K) or (S, 0)
        Expected rows of each component; none if volumes are equal, when they do not matter.

    Returns
    -------
    array, shape (S, D, D)
        A local optimum, no worse than the start.

    References
    ----------
    Browne, R. P. and McNicholas, P. D. (2014). Estimating common principal components in high
    dimensions. Advances in Data Analysis and Classification 8, 217-226.

    Flury, B. N. and Gautschi, W. (1986). An algorithm for simultaneous orthogonal transformation
    of several positive definite symmetric matrices to nearly diagonal form. SIAM Journal on
    Scientific and Statistical Computing 7, 169-184.
    """
    _compile()
    turned = np.ascontiguousarray(axes[:, None].swapaxes(-2, -1) @ scatter @ axes[:, None])
    found = axes.copy(order="C")
    rotate(np.ascontiguousarray(counts), turned, found)
    return found


@functools.cache
def _compile() -> None:
    with announce_compilation():
        compile_for(rotate, [((2,), (4, 3))])


@jit
def rotate(counts: Array, scatter: Array, axes: Array) -> None:
    """Rotate axes (S, D, D) in place, and with them scatter matrices (S, K, D, D) seen in them."""
    weights = np.empty(scatter.shape[1])
    for s in range(len(scatter)):
        for _ in range(_SWEEPS):
            if not _sweep(counts[s], scatter[s], axes[s], weights):
                break


@jit_inner
def _sweep(counts: Array, scatter: Array, axes: Array, weights: Array) -> bool:
    """Turn every pair of axes; tell whether any did turn."""
    turned = False
    _weigh(counts, scatter, weights)
    for i in range(len(axes)):
        for j in range(i):
            cosine, sine = _best_turn(scatter, weights, i, j)
            if sine != 0.0:
                turned = True
                _turn(axes, i, j, cosine, sine)
                for k in range(len(scatter)):
                    before = scatter[k, i, i] * scatter[k, j, j]
                    _turn(scatter[k], i, j, cosine, sine)
                    _turn(scatter[k].T, i, j, cosine, sine)
                    if len(counts) == 0:
                        ratio = scatter[k, i, i] * scatter[k, j, j] / before
                        weights[k] *= ratio ** (1.0 / len(axes))
    return turned


@jit_inner
def _weigh(counts: Array, scatter: Array, weights: Array) -> None:
    """Write v, the weight of each component in the tangent."""
    for k in range(len(scatter)):
        if len(counts) > 0:
            weights[k] = counts[k]
        else:
            total = 0.0
            for j in range(scatter.shape[1]):
                total += math.log(scatter[k, j, j])
            weights[k] = math.exp(total / scatter.shape[1])


@jit_inner
def _best_turn(scatter: Array, weights: Array, i: int, j: int) -> tuple[float, float]:
    """Cosine and sine of the best angle for one pair of axes; sine 0 if nothing is gained."""
    p = q = total = 0.0
    for k in range(len(scatter)):
        at_i, at_j = scatter[k, i, i], scatter[k, j, j]
        slope = weights[k] * (1.0 / at_i - 1.0 / at_j)
        p += 0.5 * (at_i - at_j) * slope
        q += scatter[k, i, j] * slope
        total += weights[k]
    # p is never positive; all comparisons with a NaN, of a component that collapsed, are false
    gain = q * q / (math.hypot(p, q) - p)
    if gain > _GAIN * total:
        angle = 0.5 * math.atan2(-q, -p)
        return math.cos(angle), math.sin(angle)
    return 1.0, 0.0


@jit_inner
def _turn(columns: Array, i: int, j: int, cosine: float, sine: float) -> None:
    for m in range(len(columns)):
        at_i, at_j = columns[m, i], columns[m, j]
        columns[m, i] = cosine * at_i + sine * at_j
        columns[m, j] = cosine * at_j - sine * at_i
