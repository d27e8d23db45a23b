"""The observed information of a mixture: how sharply the data fix its parameters.

Louis (1982): the information that the rows hold is what they would hold if their components were
known, less the covariance of the scores that is due to not knowing them. In the coordinates of
`coordinates`, with ``z = F^-1 (x - mu)``, one component has the scores z (mean) and
``(z z' - I) / 2`` (S), and its complete-data information is the quadratic form
``|d|^2 + 2 d' S z + z' S S z / 2``. One pass over the rows adds up all that is needed.

References
----------
Louis, T. A. (1982). Finding the observed information matrix when using the EM algorithm. Journal
of the Royal Statistical Society B 44, 226-233.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag

from bayesgmm.em.coordinates import Coordinates, local_coordinates
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import responsibilities
from bayesgmm.mixture.params import Params

Array = npt.NDArray[np.float64]

_CHUNK = 1 << 20  # numbers a chunk of rows may hold: 8 MiB


@dataclass(frozen=True, eq=False)
class Information:
    """What the rows say about the free numbers of `coordinates`, at their zero.

    Attributes
    ----------
    coordinates : Coordinates
        The P free numbers.
    basis : array, shape (P, Q)
        Directions that are open to them: all, unless priors hold something.
    gradient : array, shape (Q,)
        First derivatives of the log-likelihood along these: zero at a maximum.
    observed : array, shape (Q, Q)
        Its second derivatives, with the sign turned.
    complete : array, shape (Q, Q)
        The same if the component of each row were known: expected, given the rows.
    scores : array, shape (Q, Q)
        Sum over the rows of the outer products of their scores.
    """

    coordinates: Coordinates
    basis: Array
    gradient: Array
    observed: Array
    complete: Array
    scores: Array


def observed_information(data: Data, params: Params, covariance_type: str) -> Information:
    """Work out the information at a point, which need not be a maximum.

    Parameters
    ----------
    data : Data
        N rows of D features. A row of weight two counts as two equal rows.
    params : Params
        The point, a member of the structure with positive weights.
    covariance_type : str
        The structure, by name or by mclust's letters.
    """
    coordinates = local_coordinates(params, covariance_type)
    within, between = _moments(data, coordinates)
    score = within[:, 0].ravel()
    n_local = within.shape[1]
    weight_places = np.arange(params.n_components) * n_local
    expected = np.zeros_like(score)
    expected[weight_places] = params.weights
    total = data.total_weight
    gradient = score - total * expected
    outer = np.outer(score, expected)
    scores = between - outer - outer.T + total * np.outer(expected, expected)

    complete = block_diag(*(_complete(moments, coordinates) for moments in within))
    complete[np.ix_(weight_places, weight_places)] += total * (
        np.diag(params.weights) - np.outer(params.weights, params.weights)
    )
    missing = block_diag(*within) - between

    jacobian = coordinates.jacobian
    eye = np.eye(params.n_features)
    pulls = np.stack([(m[1 : 1 + len(eye), 1 : 1 + len(eye)] - m[0, 0] * eye) / 2 for m in within])
    complete = jacobian.T @ complete @ jacobian - coordinates.curvature(pulls)
    return Information(
        coordinates=coordinates,
        basis=np.eye(jacobian.shape[1]),
        gradient=jacobian.T @ gradient,
        observed=complete - jacobian.T @ missing @ jacobian,
        complete=complete,
        scores=jacobian.T @ scores @ jacobian,
    )


def cost(data: Data, params: Params) -> float:
    """Multiplications that `observed_information` needs, roughly, for unrestricted covariances."""
    d = params.n_features
    return data.n_rows * float(params.n_components * (d + 1) * (d + 2) // 2) ** 2


def reported_jacobian(coordinates: Coordinates, correlated: bool) -> Array:
    """Differentiate the reported parameters in the free numbers, shape (rows, P).

    Parameters
    ----------
    coordinates : Coordinates
        The P free numbers.
    correlated : bool
        Whether correlations are reported; the rows are those of `results.rows.parameter_rows`.
    """
    params = coordinates.params
    k, d = params.means.shape
    one, other = np.triu_indices(d, 1) if correlated else np.triu_indices(0)
    n_local, n_rows = 1 + d + len(coordinates.directions), 1 + 2 * d + len(one)
    local = np.zeros((k, n_rows, k, n_local))
    local[:, 0, :, 0] = np.diag(params.weights) - np.outer(params.weights, params.weights)
    for component, factor in enumerate(coordinates.factors):
        scales = params.scales[component]
        unit = factor / scales[:, None]
        moved = unit @ coordinates.directions @ unit.T  # of the covariance, in units of the sds
        spread = np.diagonal(moved, axis1=1, axis2=2) / 2
        correlations = params.correlations[component][one, other]
        block = local[component, :, component]
        block[1 : 1 + d, 1 : 1 + d] = factor
        block[1 + d : 1 + 2 * d, 1 + d :] = (spread * scales).T
        turned = moved[:, one, other] - correlations * (spread[:, one] + spread[:, other])
        block[1 + 2 * d :, 1 + d :] = turned.T
    jacobian: Array = local.reshape(k * n_rows, k * n_local) @ coordinates.jacobian
    return jacobian


def _moments(data: Data, coordinates: Coordinates) -> tuple[Array, Array]:
    """Second moments over the rows of ``b = [1, scores]`` of the components.

    Returns
    -------
    within : array, shape (K, M, M)
        ``sum r_k b_k b_k'``.
    between : array, shape (K M, K M)
        ``sum q q'``, where q stacks ``r_k b_k``.
    """
    params = coordinates.params
    n_components = params.n_components
    n_local = 1 + params.n_features + len(coordinates.directions)
    within = np.zeros((n_components, n_local, n_local))
    between = np.zeros((n_components * n_local,) * 2)
    size = max(1, _CHUNK // len(between))
    for values, row_weights in _chunks(data, size):
        shares = responsibilities(values, params)
        stacked = np.empty((len(values), n_components, n_local))
        for k in range(n_components):
            local = _local_scores(values, coordinates, k)
            stacked[:, k] = shares[:, k, None] * local
            within[k] += local.T @ (row_weights[:, None] * stacked[:, k])
        rooted = stacked.reshape(len(values), -1) * np.sqrt(row_weights)[:, None]
        between += rooted.T @ rooted
    return within, between


def _chunks(data: Data, size: int) -> Iterator[tuple[Array, Array]]:
    """Rows in float64, and the weight of each, `size` at a time."""
    for first in range(0, data.n_rows, size):
        values = data.rows(first, first + size)
        row_weights = data.row_weights[first : first + size]
        yield values, row_weights if data.row_weights.size else np.ones(len(values))


def _local_scores(values: Array, coordinates: Coordinates, k: int) -> Array:
    """One, and the scores of component k in its local numbers: shape (rows, M)."""
    z = (values - coordinates.params.means[k]) @ coordinates.inverses[k].T
    one, other = coordinates.pairs
    return np.concatenate(
        [
            np.ones((len(z), 1)),
            z,
            (np.square(z) - 1) / 2 @ coordinates.diagonals.T,
            z[:, one] * z[:, other] * np.sqrt(0.5),
        ],
        axis=1,
    )


def _complete(moments: Array, coordinates: Coordinates) -> Array:
    """Complete-data information (M, M) of one component, but for its weight."""
    directions = coordinates.directions
    d = coordinates.params.n_features
    count, first, second = moments[0, 0], moments[0, 1 : 1 + d], moments[1 : 1 + d, 1 : 1 + d]
    information = np.zeros_like(moments)
    means, rest = slice(1, 1 + d), slice(1 + d, None)
    information[means, means] = count * np.eye(d)
    information[rest, means] = directions @ first
    information[means, rest] = information[rest, means].T
    flat = directions.reshape(len(directions), -1)
    product = (second @ directions).reshape(len(directions), -1) @ flat.T / 2
    information[rest, rest] = (product + product.T) / 2
    return information
