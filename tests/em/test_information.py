"""The observed information is minus the second derivative of the likelihood, in every structure."""

from itertools import product

import naive
import numpy as np
import pytest
from scipy.linalg import expm, helmert

from bayesgmm.em.coordinates import local_coordinates
from bayesgmm.em.information import observed_information, reported_jacobian
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.params import Params
from bayesgmm.results.rows import parameter_values

SPHERES, ALIGNED = ["EII", "VII"], ["EEI", "VEI", "EVI", "VVI"]
CODES = [*SPHERES, *ALIGNED, "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"]
EVERYWHERE = list(product(CODES, [1, 2, 3]))
K = 3


def per_component(letter, draw):
    """Draw once for all components, or for each."""
    return [draw()] * K if letter == "E" else [draw() for _ in range(K)]


def rotation(rng, d):
    return expm((noise := rng.normal(size=(d, d))) - noise.T)


def member(code, d, rng):
    """Draw a mixture of three components, with covariances of volume * turned shape."""
    volumes = per_component(code[0], lambda: rng.uniform(0.5, 2))
    shapes = per_component(code[1], lambda: np.exp(helmert(d).T @ rng.normal(0, 0.6, d - 1)))
    turns = per_component(code[2], lambda: rotation(rng, d))
    if code[1] == "I":
        shapes = [np.ones(d)] * K
    if code[2] == "I":
        turns = [np.eye(d)] * K
    covariances = [v * q @ np.diag(a) @ q.T for v, a, q in zip(volumes, shapes, turns, strict=True)]
    return Params.from_covariances([0.5, 0.3, 0.2], rng.normal(0, 1.5, (K, d)), covariances)


def moved(coordinates, free):
    """Where the free numbers lead, exactly: by matrix exponentials."""
    p = coordinates.params
    d, n_means = p.n_features, p.means.size
    weights = p.weights * np.exp(helmert(K).T @ free[: K - 1])
    steps = free[K - 1 : K - 1 + n_means].reshape(K, d, 1)
    local = free[K - 1 + n_means :][coordinates.columns]
    size = len(coordinates.diagonals)
    i, j = coordinates.pairs
    covariances = []
    for k, factor in enumerate(coordinates.factors):
        stretch = np.diag(local[k, :size] @ coordinates.diagonals)
        turn = np.zeros((d, d))
        turn[i, j] = local[k, size:] / np.sqrt(2)
        if coordinates.spectrum is None:
            covariances.append(factor @ expm(stretch + turn + turn.T) @ factor.T)
        else:
            root = np.sqrt(coordinates.spectrum[k])
            vectors = factor / root @ expm(turn - turn.T)
            covariances.append(vectors @ np.diag(root**2) @ expm(stretch) @ vectors.T)
    means = p.means + (coordinates.factors @ steps)[..., 0]
    symmetric = [(c + c.T) / 2 for c in covariances]
    return Params.from_covariances(weights / weights.sum(), means, symmetric)


def derivatives(f, h):
    """First and second derivative of f at 0, to fourth order."""
    far_below, below, here, above, far_above = (f(t * h) for t in (-2, -1, 0, 1, 2))
    first = (8 * (above - below) - far_above + far_below) / (12 * h)
    second = (16 * (above + below) - 30 * here - far_above - far_below) / (12 * h * h)
    return first, second


def case(code, d, weighted=False):
    rng = np.random.default_rng([CODES.index(code), d])
    params = member(code, d, rng)
    X = rng.normal(0, 2, (30, d))
    return as_data(X, rng.uniform(0, 2, 30) if weighted else None), params, rng


def log_densities(data, params):
    return naive.log_density(data.values, params.weights, params.means, params.cholesky)


def row_weights(data):
    return data.row_weights if data.row_weights.size else np.ones(data.n_rows)


@pytest.mark.parametrize(("code", "d"), EVERYWHERE)
def test_information_is_minus_the_hessian_anywhere(code, d):
    for weighted in (False, True):
        data, params, rng = case(code, d, weighted)
        information = observed_information(data, params, code)
        for _ in range(3):
            along = rng.normal(size=len(information.gradient))
            along /= np.linalg.norm(along)

            def log_likelihood(t, along=along, data=data, coordinates=information.coordinates):
                return row_weights(data) @ log_densities(data, moved(coordinates, t * along))

            slope, bend = derivatives(log_likelihood, 4e-3)
            assert along @ information.gradient == pytest.approx(slope, rel=1e-6, abs=1e-6)
            size = along @ np.abs(information.complete) @ along + np.abs(bend)
            assert along @ information.observed @ along == pytest.approx(-bend, abs=1e-6 * size)


@pytest.mark.parametrize("code", CODES)
def test_scores_are_those_of_the_rows(code):
    data, params, rng = case(code, 2, weighted=True)
    information = observed_information(data, params, code)
    along = rng.normal(size=len(information.gradient))
    scores, _ = derivatives(
        lambda t: log_densities(data, moved(information.coordinates, t * along)), 1e-4
    )
    assert along @ information.scores @ along == pytest.approx(data.row_weights @ scores**2)


@pytest.mark.parametrize(("code", "d"), EVERYWHERE)
def test_reported_parameters_move_as_their_jacobian_says(code, d):
    _, params, rng = case(code, d)
    coordinates = local_coordinates(params, code)
    along = rng.normal(size=coordinates.jacobian.shape[1])

    def reported(t):
        p = moved(coordinates, t * along)
        return parameter_values(p.weights, p.means, p.scales, p.correlations, correlated=True)

    slope, _ = derivatives(reported, 1e-3)
    jacobian = reported_jacobian(coordinates, correlated=True)
    np.testing.assert_allclose(jacobian @ along, slope, atol=1e-8)


@pytest.mark.parametrize(("code", "d"), EVERYWHERE)
def test_free_numbers_stay_in_the_structure_and_fill_it(code, d):
    _, params, rng = case(code, d)
    coordinates = local_coordinates(params, code)
    assert coordinates.n_covariance == n_free(code, d)
    for _ in range(3):
        far = moved(coordinates, rng.normal(0, 0.5, coordinates.jacobian.shape[1]))
        assert_member(far.covariances, code)


def n_free(code, d):
    """Number of free covariance parameters, letter by letter."""
    numbers = [1, d - 1, d * (d - 1) // 2]
    factors = {"E": 1, "V": K, "I": 0}
    return sum(n * factors[letter] for n, letter in zip(numbers, code, strict=True))


def assert_member(covariances, code):
    spectra = np.linalg.eigvalsh(covariances)
    volumes = np.prod(spectra, axis=1) ** (1 / spectra.shape[1])
    shapes = spectra / volumes[:, None]
    scaled = covariances / volumes[:, None, None]
    if code[0] == "E":
        np.testing.assert_allclose(volumes, volumes[0])
    if code[1] == "I":
        np.testing.assert_allclose(shapes, 1)
    if code[1] == "E":
        np.testing.assert_allclose(shapes, np.broadcast_to(shapes[0], shapes.shape))
    if code[2] == "I":
        off = scaled - scaled * np.eye(spectra.shape[1])
        np.testing.assert_allclose(off, 0, atol=1e-12)
    if code[2] == "E":
        for one, other in product(scaled, scaled):
            np.testing.assert_allclose(one @ other, other @ one, atol=1e-9)
    if code[1:] == "EE":
        np.testing.assert_allclose(scaled, np.broadcast_to(scaled[0], scaled.shape), atol=1e-9)


@pytest.mark.parametrize("code", CODES)
def test_factors_are_square_roots_on_any_scale(code):
    _, params, _ = case(code, 3)
    alone = code[1:] in ("VI", "EI", "EE", "VV")  # each feature may have a unit of its own
    unit = np.array([1e-9, 1.0, 1e9]) if alone else np.full(3, 1e9)
    scaled = params.rescaled(np.zeros(3), unit)
    coordinates = local_coordinates(scaled, code)
    squares = coordinates.factors @ np.swapaxes(coordinates.factors, 1, 2)
    outer = np.outer(unit, unit)
    np.testing.assert_allclose(squares / outer, params.covariances, atol=1e-12)
    identity = coordinates.inverses @ coordinates.factors
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-12)


def test_information_of_halves_adds_up():
    data, params, _ = case("VVE", 2, weighted=True)
    first, second = (
        observed_information(data.take(rows), params, "VVE")
        for rows in (np.arange(11), np.arange(11, 30))
    )
    whole = observed_information(data, params, "VVE")
    for name in ("gradient", "observed", "complete", "scores"):
        parts = getattr(first, name) + getattr(second, name)
        np.testing.assert_allclose(getattr(whole, name), parts, atol=1e-9)


def test_chunks_do_not_matter(monkeypatch):
    data, params, _ = case("EEV", 3, weighted=True)
    whole = observed_information(data, params, "EEV")
    monkeypatch.setattr("bayesgmm.em.information._CHUNK", 300)
    chunked = observed_information(data, params, "EEV")
    np.testing.assert_allclose(chunked.observed, whole.observed, atol=1e-9)
    np.testing.assert_allclose(chunked.scores, whole.scores, atol=1e-9)
