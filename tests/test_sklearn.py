"""The estimator behaves as scikit-learn's own, and finds what `fit_em` finds."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture as Reference
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesgmm as bg
from bayesgmm.em.fit import maximise
from bayesgmm.mixture.structures import STRUCTURES
from bayesgmm.sklearn import GaussianMixture

NAMES = ["full", "tied", "diag", "spherical"]  # scikit-learn's
FAITHFUL = bg.load_dataset("faithful").to_numpy()


def fitted(X=FAITHFUL, n_components=2, sample_weight=None, **options):
    options = {"random_state": 0, "n_init": 10} | options
    return GaussianMixture(n_components, **options).fit(X, sample_weight=sample_weight)


# Some checks have fewer rows than features, or two components for four distinct rows.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        GaussianMixture(),
        GaussianMixture(2, covariance_type="diag"),
        GaussianMixture(2, covariance_type="tied"),
        GaussianMixture(2, covariance_type="spherical"),
    ]
)
def test_it_passes_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module", params=NAMES)
def pair(request):
    """Both libraries' estimators of one maximum, their components in the same order."""
    ours = fitted(covariance_type=request.param)
    reference = Reference(
        2, covariance_type=request.param, reg_covar=0, tol=1e-12, max_iter=10_000, random_state=0
    ).fit(FAITHFUL)
    return ours, reference, reference.means_[:, 0].argsort()


@pytest.mark.parametrize(
    "name", ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]
)
def test_fitted_attributes_are_those_of_scikit_learn(pair, name):
    ours, reference, order = pair
    expected = getattr(reference, name)
    if not (ours.covariance_type == "tied" and name[:3] in ("cov", "pre")):
        expected = expected[order]
    assert getattr(ours, name).shape == expected.shape
    np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-4)


def test_answers_about_rows_are_those_of_scikit_learn(pair):
    ours, reference, order = pair
    X = FAITHFUL[:50] + 0.1
    for name in ("score_samples", "score", "bic", "aic"):
        np.testing.assert_allclose(
            getattr(ours, name)(X), getattr(reference, name)(X), rtol=1e-4, err_msg=name
        )
    shares = reference.predict_proba(X)[:, order]
    np.testing.assert_allclose(ours.predict_proba(X), shares, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), shares.argmax(axis=1))
    assert ours.lower_bound_ == pytest.approx(reference.lower_bound_, rel=1e-8)


def test_precisions_and_their_roots_belong_to_the_covariances():
    X = np.random.default_rng(0).normal(size=(60, 4)) @ np.diag([1, 10, 100, 1000])
    for covariance_type in sorted(STRUCTURES):
        model = fitted(X, covariance_type=covariance_type, n_init=1)
        covariance, precision, root = (
            as_matrices(getattr(model, name), 4)
            for name in ("covariances_", "precisions_", "precisions_cholesky_")
        )
        np.testing.assert_allclose(covariance, model.result_.params.covariances)
        if covariance_type not in NAMES:
            assert model.covariances_.shape == (2, 4, 4)
        identity = np.broadcast_to(np.eye(4), covariance.shape)
        np.testing.assert_allclose(precision @ covariance, identity, atol=1e-9)
        np.testing.assert_allclose(root @ root.transpose(0, 2, 1), precision, atol=1e-12)
        assert not np.tril(root, -1).any()


def as_matrices(compact, n_features):
    """Write two components' matrices out, whatever shape the attribute has."""
    if compact.shape == (n_features, n_features):
        return np.stack([compact, compact])
    if compact.ndim < 3:
        return np.broadcast_to(compact.reshape(2, -1, 1), (2, n_features, 1)) * np.eye(n_features)
    return compact


def test_codes_with_another_name_are_the_same_mixture():
    for code, name in {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}.items():
        one, other = (fitted(covariance_type=kind, n_init=1) for kind in (code, name))
        assert one.covariances_.shape == (2, 2, 2)
        np.testing.assert_array_equal(one.covariances_, other.result_.params.covariances)


def test_it_is_fit_em():
    model = fitted(n_components=3)
    fit = bg.fit_em(FAITHFUL, 3, n_starts=10, random_seed=0)
    np.testing.assert_array_equal(model.means_, fit.params.means)
    assert model.n_iter_ == fit.n_iter
    assert model.converged_
    assert model.lower_bound_ == pytest.approx(model.score(FAITHFUL), rel=1e-12)
    assert model.bic(FAITHFUL) == pytest.approx(fit.bic, rel=1e-12)
    assert model.aic(FAITHFUL) == pytest.approx(fit.aic, rel=1e-12)
    np.testing.assert_array_equal(clone(model).fit_predict(FAITHFUL), model.predict(FAITHFUL))


@pytest.mark.parametrize("covariance_type", NAMES)
def test_a_weight_is_so_many_copies_of_a_row(covariance_type):
    weights = np.random.default_rng(0).integers(0, 4, size=len(FAITHFUL))
    weighted = fitted(sample_weight=weights, covariance_type=covariance_type)
    repeated = fitted(FAITHFUL.repeat(weights, axis=0), covariance_type=covariance_type)
    for name in ("weights_", "means_", "covariances_", "lower_bound_"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_grid_search_finds_the_mixture_that_made_the_rows(covariance_type):
    truth = {
        "full": ([[5.0, 4.9], [4.9, 5.0]], [[5.0, -4.9], [-4.9, 5.0]]),
        "spherical": (np.eye(2), 9 * np.eye(2)),
    }[covariance_type]
    mixture = bg.Params.from_covariances([0.5, 0.5], [[-6, 0], [6, 0]], truth)
    rng = np.random.default_rng(3)
    labels = rng.choice(2, size=60)
    noise = rng.normal(size=(60, 2, 1))
    X = mixture.means[labels] + (mixture.cholesky[labels] @ noise)[..., 0]
    choices = {"n_components": [1, 2, 3], "covariance_type": NAMES}
    search = GridSearchCV(GaussianMixture(n_init=2, random_state=0), choices, cv=3).fit(X)
    assert search.best_params_ == {"n_components": 2, "covariance_type": covariance_type}
    assert (search.predict(X) == labels).mean() > 0.95


def test_a_pipeline_scales_and_fits():
    model = GaussianMixture(2, n_init=10, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(FAITHFUL)
    np.testing.assert_array_equal(pipeline.predict(FAITHFUL), fitted().predict(FAITHFUL))
    jacobian = np.log(FAITHFUL.std(axis=0)).sum()
    assert pipeline.score(FAITHFUL) - jacobian == pytest.approx(fitted().score(FAITHFUL))


def test_a_fitted_estimator_survives_pickling_and_a_clone_is_unfitted():
    model = fitted()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(FAITHFUL), model.predict_proba(FAITHFUL))
    assert again.result_.log_likelihood == model.result_.log_likelihood
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copied.sample()


def test_names_of_columns_are_kept_and_their_order_is_checked():
    frame = pd.DataFrame(FAITHFUL, columns=["eruptions", "waiting"])
    model = fitted(frame)
    assert list(model.feature_names_in_) == ["eruptions", "waiting"]
    assert model.result_.feature_names == ("eruptions", "waiting")
    np.testing.assert_array_equal(model.predict(frame), fitted().predict(FAITHFUL))
    with pytest.raises(ValueError, match="order"):
        model.predict(frame[["waiting", "eruptions"]])


def test_a_number_seeds_fit_and_sample_and_a_generator_moves_on():
    one, other = fitted().sample(20), fitted().sample(20)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    model = fitted(random_state=np.random.RandomState(3))
    again = fitted(random_state=np.random.RandomState(3))
    first = model.sample(20)[0]
    np.testing.assert_array_equal(first, again.sample(20)[0])
    assert not np.array_equal(first, model.sample(20)[0])


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fitted(random_state=None).sample(5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_samples_follow_the_mixture():
    X, labels = fitted().sample(20_000)
    assert X.shape == (20_000, 2)
    for k in range(2):
        own = X[labels == k]
        error = np.sqrt(np.diagonal(fitted().covariances_[k]) / len(own))
        assert (np.abs(own.mean(axis=0) - fitted().means_[k]) < 4 * error).all()


def test_bad_ends_are_told_as_convergence_warnings():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = fitted(n_components=4, max_iter=3, n_init=2)
    assert not model.converged_
    three_points = np.repeat([[0.0, 1.0], [5.0, 2.0], [1.0, 9.0]], 30, axis=0)
    with pytest.warns(ConvergenceWarning, match="very few rows"):
        fitted(three_points, 3)


FEW = np.random.default_rng(0).normal(size=(6, 8))
DEPENDENT = np.column_stack([FAITHFUL, FAITHFUL.sum(axis=1)])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "VEE"])
@pytest.mark.parametrize(
    ("X", "why"), [(FEW, "6 distinct row"), (DEPENDENT, "linear combination")], ids=["few", "sum"]
)
def test_what_the_rows_cannot_determine_is_told(X, why, covariance_type):
    options = {"covariance_type": covariance_type, "n_init": 2}
    with pytest.warns(ConvergenceWarning, match=f"{why}.*reg_covar = 1e-06"):
        model = fitted(X, 1, **options)
    assert model.result_.reg_covar == 1e-6
    assert model.converged_
    with pytest.raises(bg.InputError, match=why):
        fitted(X, 1, reg_covar=0, **options)
    with pytest.raises(bg.InputError, match=why):
        bg.fit_em(X, 1, covariance_type=covariance_type)


@pytest.mark.parametrize("covariance_type", NAMES)
def test_otherwise_nothing_is_added(covariance_type):
    """Not even to a diagonal of few rows."""
    X = FEW if covariance_type in ("diag", "spherical") else FAITHFUL
    large, none = (fitted(X, 1, covariance_type=covariance_type, reg_covar=r) for r in (1e3, 0))
    np.testing.assert_array_equal(large.covariances_, none.covariances_)
    assert large.result_.reg_covar == 0


def test_jobs_are_counted_as_joblib_counts_them(monkeypatch):
    seen = []

    def watched(*arguments, **options):
        seen.append(arguments[3].cores)
        return maximise(*arguments, **options)

    monkeypatch.setattr("bayesgmm.sklearn.maximise", watched)
    models = [fitted(n_init=2, n_jobs=n_jobs) for n_jobs in (None, 3, -1)]
    with joblib.parallel_config("threading", n_jobs=2):
        models.append(fitted(n_init=2))
    assert seen == [1, 3, joblib.cpu_count(), 2]
    for model in models[1:]:
        np.testing.assert_array_equal(model.means_, models[0].means_)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_components": 0},
        {"n_init": 0},
        {"n_init": 2.5},
        {"tol": 0.0},
        {"max_iter": 0},
        {"covariance_type": "round"},
        {"reg_covar": -1e-6},
        {"reg_covar": 1e-20},
        {"reg_covar": np.inf},
        {"reg_covar": "some"},
        {"n_jobs": 0},
        {"n_jobs": 1.5},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_wrong_arguments_are_named_when_fitting(wrong):
    ((name, _),) = wrong.items()
    with pytest.raises(ValueError, match=name if name != "random_state" else "seed"):
        fitted(**wrong)


def test_without_scikit_learn_the_remedy_is_told():
    program = "import sys; sys.modules['sklearn'] = None; import bayesgmm.sklearn"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert 'pip install "bayesgmm[sklearn]"' in done.stderr.splitlines()[-1]
