"""Axes in which several scatter matrices are as nearly diagonal as they can be at once.

Where components share their orientation but not their shapes, only the shared axes have to be
searched for: the shapes that go with them are known. In axes D, with w_k the diagonal of
``D' W_k D``, the likelihood is largest where ``Σ_k n_k Σ_j log w_kj`` is least if volumes vary
(Flury's common principal components), and where ``Σ_k (Π_j w_kj)^(1/D)`` is if they are equal.

Both are concave in w, so that a tangent lies above them: ``Σ_kj v_k w_kj / a_kj``, with a the
present w, and v_k the count n_k or the present ``(Π_j w_kj)^(1/D)``. Turning one pair of axes by
an angle θ changes the tangent by ``P (cos 2θ - 1) + Q sin 2θ``, which is least at an angle that
can be written down, and up to twice that angle no higher than at 0. What lies below it is least
further on, about where its own curvature says. Going round all pairs until none gains anything
therefore never goes astray, and never back.

References
----------
Browne, R. P. and McNicholas, P. D. (2014). Estimating common principal components in high
dimensions. Advances in Data Analysis and Classification 8, 217-226.

Flury, B. N. and Gautschi, W. (1986). An algorithm for simultaneous orthogonal transformation of
several positive definite symmetric matrices to nearly diagonal form. SIAM Journal on Scientific
and Statistical Computing 7, 169-184.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import jit_inner
from bayesgmm.mixture.structures.matrices import turn

Array = npt.NDArray[np.float64]

_SWEEPS = 200
_GAIN = 1e-15  # least gain, as a share of the tangent, that is worth a rotation
_FURTHEST = 1.9  # so many times the angle at which the tangent is least


@jit_inner
def rotate(equal_volumes: int, counts: Array, scatter: Array, axes: Array) -> None:
    """Rotate axes until scatter matrices are as nearly diagonal as possible, as seen in them.

    Parameters
    ----------
    equal_volumes : int
        Whether the components share their volume.
    counts : array, shape (K,)
        Expected rows of each component.
    scatter : array, shape (K, 1, D, D)
        Scatter of each component, seen in the axes; overwritten.
    axes : array, shape (D, D)
        Where to start, in rows; overwritten with a local optimum, no worse than the start.
    """
    weights = np.empty(len(counts))
    for _ in range(_SWEEPS):
        if not _sweep(equal_volumes, counts, scatter, axes, weights):
            break


@jit_inner
def _sweep(equal_volumes: int, counts: Array, scatter: Array, axes: Array, weights: Array) -> bool:
    """Turn every pair of axes; tell whether any did turn."""
    turned = False
    for k in range(len(scatter)):
        for j in range(len(axes)):
            if not scatter[k, 0, j, j] > 0.0:  # no axes are best: it goes on for ever
                return False
        weights[k] = _mean_size(scatter[k, 0]) if equal_volumes else counts[k]
    for i in range(len(axes)):
        for j in range(i):
            angle = _best_turn(equal_volumes, scatter, weights, i, j)
            if angle != 0.0:
                turned = True
                cosine, sine = math.cos(angle), math.sin(angle)
                for k in range(len(scatter)):
                    before = scatter[k, 0, i, i] * scatter[k, 0, j, j]
                    turn(scatter[k, 0], axes if k == 0 else axes[:0], i, j, cosine, sine)
                    if equal_volumes:
                        ratio = scatter[k, 0, i, i] * scatter[k, 0, j, j] / before
                        weights[k] *= ratio ** (1.0 / len(axes))
    return turned


@jit_inner
def _mean_size(scatter: Array) -> float:
    """Geometric mean of the diagonal."""
    total = 0.0
    for j in range(len(scatter)):
        total += math.log(scatter[j, j])
    return math.exp(total / len(scatter))


@jit_inner
def _best_turn(equal_volumes: int, scatter: Array, weights: Array, i: int, j: int) -> float:
    """Give the best angle for one pair of axes; 0 if nothing is gained."""
    p = q = total = bent = 0.0
    for k in range(len(scatter)):
        at_i, at_j, off = scatter[k, 0, i, i], scatter[k, 0, j, j], scatter[k, 0, i, j]
        apart = 1.0 / at_i - 1.0 / at_j
        slope = weights[k] * apart
        p += 0.5 * (at_i - at_j) * slope
        q += off * slope
        total += weights[k]
        bend = 1.0 / (at_i * at_i) + 1.0 / (at_j * at_j)
        if equal_volumes:  # the weight changes, too
            bend -= apart * apart / scatter.shape[2]
        bent += weights[k] * off * off * bend
    gain = q * q / (math.sqrt(p * p + q * q) - p)  # p is never positive
    if not _GAIN * total < gain < np.inf:  # nor where a component has collapsed
        return 0.0
    further = p / (p + bent) if p + bent < p / _FURTHEST else _FURTHEST
    return 0.5 * further * math.atan2(-q, -p)
