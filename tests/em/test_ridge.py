"""The ridge: clouds for rows, written out row by row, judge what EM makes of them."""

import naive
import numpy as np
import pytest
from scipy.special import logsumexp

import bayesgmm as bg
from bayesgmm.em.climb import Ascent, climb
from bayesgmm.em.fit import Settings, maximise
from bayesgmm.em.objective import Objective
from bayesgmm.em.starts import Starts
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.params import full_factor
from bayesgmm.mixture.structures import STRUCTURES

IRIS = bg.load_dataset("iris").select_dtypes("number").to_numpy()
FEW_ROWS = np.random.default_rng(0).normal(size=(7, 9))
DEPENDENT = np.column_stack([IRIS, IRIS @ [1.0, 2.0, -1.0, 3.0]])
each_structure = pytest.mark.parametrize("name", sorted(STRUCTURES))
each_undetermined = pytest.mark.parametrize("X", [FEW_ROWS, DEPENDENT], ids=["few", "dependent"])


def cloud(X, h):
    """2D points for each row, whose average of any quadratic is that of N(row, h I): (2D, N, D)."""
    step = np.sqrt(h * X.shape[1]) * np.eye(X.shape[1])
    return X + np.concatenate([step, -step])[:, None]


def objective_of(X, name, reg_covar):
    data, structure = as_data(X), STRUCTURES[name]
    shift, spread = data.moments()
    rows = data.standardised(shift, structure.units(spread))
    return Objective(rows, structure, reg_covar=reg_covar)


def some_points(objective, n_components, seed=0, n=1):
    rng = np.random.default_rng(seed)
    starts = Starts(objective.data, n_components, objective.structure, rng, objective.reg_covar)
    return [start for start, _ in zip(starts, range(n), strict=False)]


def ridged(X, name, n_components=2, reg_covar=1e-6, **options):
    data, structure = as_data(X), STRUCTURES[name]
    settings = Settings(n_starts=8)
    return maximise(
        data, n_components, structure, settings, lambda _: None, reg_covar=reg_covar, **options
    )


def joint_of_clouds(X, params, h):
    """Log weight plus average log-density of each row's cloud, (N, K)."""
    arrays = params.weights, params.means, params.cholesky
    return np.mean([naive.log_joint(points, *arrays) for points in cloud(X, h)], axis=0)


@each_structure
def test_estep_is_that_of_average_log_densities(name):
    h = 0.3
    objective = objective_of(IRIS, name, h)
    (point,) = some_points(objective, 3)
    value, stats = objective.estep(point, np.arange(1))
    params = bg.Params(point.weights[0], point.means[0], full_factor(point.factor[0]))
    joint = joint_of_clouds(objective.data.rows(), params, h)
    np.testing.assert_allclose(value[0], logsumexp(joint, axis=1).sum(), rtol=1e-10)
    shares = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(stats.counts[0], shares.sum(axis=0), rtol=1e-8)


@each_structure
def test_mstep_is_that_of_the_clouds_points(name):
    """A plain M-step, to 2D points of weight 1 / 2D instead of each row."""
    h = 0.3
    objective = objective_of(IRIS, name, h)
    (point,) = some_points(objective, 3)
    _, stats = objective.estep(point, np.arange(1))
    found, proper = objective.mstep(stats, point.means, point)
    assert proper.all()
    X = objective.data.rows()
    joint = joint_of_clouds(
        X, bg.Params(point.weights[0], point.means[0], full_factor(point.factor[0])), h
    )
    shares = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    away = cloud(X, h)[:, :, None] - means
    scatter = np.einsum("nk,pnkd,pnke->kde", shares, away, away) / len(away)
    if objective.structure.diagonal:
        scatter = np.einsum("kdd->kd", scatter)
    best = objective.structure.covariances(counts, scatter, point.covariances[0])
    np.testing.assert_allclose(found.weights[0], counts / len(X), rtol=1e-8)
    np.testing.assert_allclose(found.means[0], means, atol=1e-8)
    np.testing.assert_allclose(found.covariances[0], best, atol=1e-7)


@each_structure
@each_undetermined
def test_the_objective_never_falls(name, X):
    objective = objective_of(X, name, 1e-6)
    ascents = [Ascent(point) for point in some_points(objective, 2, n=6)]
    for ascent in climb(objective, ascents, tol=1e-9, max_steps=100):
        assert np.diff(ascent.history).min(initial=0) > -1e-9 * abs(ascent.history[-1])


@each_undetermined
def test_one_free_covariance_is_that_of_the_rows_and_the_ridge(X):
    fit = ridged(X, "full", 1, reg_covar=1e-3)
    expected = np.cov(X.T, bias=True) + 1e-3 * np.diag(X.var(axis=0))
    np.testing.assert_allclose(fit.params.covariances[0], expected, rtol=1e-8, atol=1e-10)
    assert fit.converged
    assert fit.sound
    density = naive.log_density(X, fit.params.weights, fit.params.means, fit.params.cholesky)
    assert fit.log_likelihood == pytest.approx(density.sum())
    assert fit.history[-1] == pytest.approx(fit.log_likelihood + fit.log_prior)


@pytest.mark.parametrize("name", ["full", "tied", "EVV"])
def test_no_mixture_near_the_end_is_better(name):
    objective = objective_of(DEPENDENT, name, 1e-2)
    ascents = [Ascent(point) for point in some_points(objective, 2, n=3)]
    end = climb(objective, ascents, tol=1e-10, max_steps=2000)[0]
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-2, 1e-1):
        rows = objective.data.rows() + size * rng.normal(size=DEPENDENT.shape)
        moved = Objective(as_data(rows), objective.structure, reg_covar=1e-2)
        _, stats = moved.estep(end.point, np.arange(1))
        other, _ = moved.mstep(stats, end.point.means, end.point)  # within the structure
        assert objective.estep(other, np.arange(1))[0][0] < end.value + 1e-9


@each_structure
def test_a_vanishing_ridge_leaves_maximum_likelihood(name):
    plain = bg.fit_em(IRIS, 2, covariance_type=name, random_seed=0, n_starts=8, progressbar=False)
    fit = ridged(IRIS, name, reg_covar=1e-9, only=plain.params)
    np.testing.assert_allclose(fit.params.means, plain.params.means, rtol=1e-5)
    np.testing.assert_allclose(fit.params.covariances, plain.params.covariances, atol=1e-5)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-6)


def test_a_dependent_feature_changes_no_memberships():
    """Whatever the weights of components: the ridge costs each the same."""
    plain = bg.fit_em(IRIS, 3, random_seed=0, progressbar=False)
    fit = ridged(DEPENDENT, "full", 3, reg_covar=1e-8)
    np.testing.assert_allclose(fit.params.weights, plain.params.weights, atol=1e-4)
    np.testing.assert_allclose(fit.predict_proba(DEPENDENT), plain.predict_proba(), atol=2e-3)


def test_it_does_not_depend_on_units():
    unit = np.array([1e-3, 1.0, 10.0, 1e4, 1e6])
    fit, scaled = ridged(DEPENDENT, "full", 3), ridged(DEPENDENT * unit, "full", 3)
    np.testing.assert_allclose(scaled.params.means, fit.params.means * unit, rtol=1e-4)
    np.testing.assert_allclose(scaled.params.scales, fit.params.scales * unit, rtol=1e-4)


def test_how_sure_it_is_cannot_be_told():
    fit = ridged(DEPENDENT, "full", 2)
    assert "the rows cannot determine" in fit.uncertainty().problem
    assert fit.summary()["se"].isna().all()
    assert "ridge of 1e-06" in repr(fit)
    with pytest.raises(bg.InputError, match="cannot determine"):
        fit.bootstrap(2)
    with pytest.raises(bg.InputError, match="cannot determine"):
        fit.likelihood_ratio_test(2)


def test_a_saved_fit_still_knows_its_ridge(tmp_path):
    fit = ridged(DEPENDENT, "full", 2)
    fit.save(tmp_path / "fit.nc")
    assert bg.load(tmp_path / "fit.nc").reg_covar == fit.reg_covar == 1e-6
