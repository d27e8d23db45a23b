"""Awkward data end in a fit that can be defended or a message; never in NaN or without an end."""

import warnings

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.mixture.structures import STRUCTURES

RNG = np.random.default_rng(0)
FAITHFUL = bg.load_dataset("faithful").to_numpy()
IRIS = bg.load_dataset("iris").select_dtypes("number").to_numpy()
GALAXIES = bg.load_dataset("galaxies").to_numpy()
PLANE = RNG.normal(size=(100, 2))
MOSTLY_ONE = np.ones((100_000, 2))
MOSTLY_ONE[:500] = RNG.normal(size=(500, 2))


def fit(X, n_components, covariance_type="full", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what the fit itself says, too
        return bg.fit_em(
            X, n_components, covariance_type=covariance_type, random_seed=0, n_starts=12, **options
        )


def assert_defensible(em):
    """All numbers are numbers, and where the maximum is an artefact the fit says so."""
    assert np.isfinite(em.log_likelihood)
    p = em.params
    for numbers in (p.weights, p.means, p.cholesky, em.predict_proba()):
        assert np.isfinite(numbers).all()
    assert em.sound or "WARNING" in repr(em)
    if em.uncertainty().problem:
        assert em.uncertainty().covariance.isna().to_numpy().all()


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize(
    ("X", "n_components"),
    [(np.round(IRIS), 4), (np.concatenate([PLANE, [[50.0, 50.0]]]), 2), (GALAXIES, 10)],
    ids=["rounded", "one-point cluster", "many components"],
)
def test_any_structure_on_awkward_rows(name, X, n_components):
    assert_defensible(fit(X, n_components, name))


@pytest.mark.parametrize("name", STRUCTURES)
def test_features_of_very_different_units(name):
    assert_defensible(fit(FAITHFUL * [1e-9, 1e9], 2, name))


@pytest.mark.parametrize("name", ["diag", "spherical", "EII", "VEI"])
def test_more_features_than_rows(name):
    assert_defensible(fit(RNG.normal(size=(10, 20)), 2, name))


@pytest.mark.parametrize("name", [name for name, s in STRUCTURES.items() if not s.diagonal])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (RNG.normal(size=(10, 20)), "cannot determine"),
        (np.column_stack([PLANE, PLANE.sum(axis=1)]), "linear combination"),
    ],
    ids=["more features than rows", "collinear"],
)
def test_rows_that_determine_no_covariance_are_refused(name, X, message):
    with pytest.raises(bg.InputError, match=message):
        fit(X, 2, name)


@pytest.mark.parametrize(
    ("X", "n_components"),
    [
        (MOSTLY_ONE, 2),
        (np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 20), 5),
        (RNG.integers(0, 2, size=(500, 1)).astype(bool), 2),
        (FAITHFUL, 50),
        (GALAXIES, len(GALAXIES)),
        (FAITHFUL + 1e12, 2),
        (RNG.standard_cauchy(size=(500, 2)), 3),
    ],
    ids=["mostly one row", "ties", "two values", "50 parts", "a part a row", "far off", "Cauchy"],
)
def test_awkward_rows(X, n_components):
    assert_defensible(fit(X, n_components))


@pytest.mark.parametrize("weight", [1e-12, 1e12])
def test_units_of_weights_do_not_matter(weight):
    plain = fit(FAITHFUL, 2)
    weighted = fit(FAITHFUL, 2, sample_weight=np.full(len(FAITHFUL), weight))
    assert weighted.log_likelihood == pytest.approx(weight * plain.log_likelihood, rel=1e-9)


def test_few_rows_that_count():
    assert_defensible(fit(FAITHFUL, 2, sample_weight=np.r_[np.ones(5), np.zeros(267)]))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((1_000_000, 2)), "constant"),
        (FAITHFUL * 1e300, "too large to square"),
        (FAITHFUL * 1e-300, "constant .* as far as can be told"),
    ],
)
def test_numbers_that_say_nothing_are_refused(X, message):
    with pytest.raises(bg.InputError, match=message):
        fit(X, 2)


def test_many_copies_of_few_rows_are_searched_as_these_rows():
    rows = np.round(RNG.normal(size=(60, 2)) + 3 * RNG.integers(2, size=(60, 1)), 1)
    copies = RNG.integers(1, 400, size=60)
    many = fit(np.repeat(rows, copies, axis=0), 2)
    weighted = fit(rows, 2, sample_weight=copies.astype(float))
    assert many.log_likelihood == pytest.approx(weighted.log_likelihood, abs=1e-3)
