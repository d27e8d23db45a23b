"""The bootstrap: textbook errors, equivariance, names of components, and what is set aside."""

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.results.alignment import assignments

PRIORS = bg.Priors(means=bg.priors.Normal(0, 1), scales=bg.priors.LogNormal(0, 1))
KINDS = ["nonparametric", "weighted", "parametric"]
B = 1000
MONTE_CARLO = 4 / np.sqrt(2 * B)  # of a standard deviation, relative: beyond it once in 16,000
RNG = np.random.default_rng(3)
ONE = RNG.integers(0, 100, (200, 2)).astype(float)
TWO = np.concatenate(
    [
        RNG.normal(0, 1, (150, 2)) @ [[1, 0.4], [0, 0.8]],
        RNG.normal(0, 1, (250, 2)) @ [[0.5, -0.3], [0, 1.5]] + [8, 2],
    ]
)


def fit(rows=TWO, n_components=2, **options):
    return bg.fit_em(rows, n_components, random_seed=0, **options)


def boot(em, n=B, **options):
    return em.bootstrap(n, random_seed=5, progressbar=False, **options)


def errors_of(parameter, boot):
    return boot.standard_errors()["se"].xs(parameter, level="parameter").to_numpy()


@pytest.fixture(scope="module")
def one():
    return fit(ONE, 1)


@pytest.fixture(scope="module")
def two():
    return fit()


@pytest.fixture(scope="module")
def overlapping():
    rng = np.random.default_rng(1)
    return fit(np.concatenate([rng.normal(0, 1, 200), rng.normal(2.2, 1.5, 300)]))


@pytest.mark.parametrize("kind", KINDS)
def test_error_of_a_mean_is_that_of_the_textbook(one, kind):
    n_rows = len(ONE) + (kind == "weighted")  # the variance of Dirichlet weights
    expected = ONE.std(axis=0) / np.sqrt(n_rows)
    found = boot(one, kind=kind)
    np.testing.assert_allclose(errors_of("mean", found), expected, rtol=MONTE_CARLO)
    assert errors_of("weight", found) == 0


def test_a_replicate_is_the_mean_of_rows_drawn_with_replacement(one):
    """Rows of whole numbers have a whole sum."""
    sums = boot(one, 100).params.means * len(ONE)
    np.testing.assert_allclose(sums, sums.round(), atol=1e-6)
    assert len(np.unique(sums[:, 0, 0].round())) > 50


def test_weights_of_rows_are_smooth(one):
    sums = boot(one, 100, kind="weighted").params.means * len(ONE)
    assert (np.abs(sums - sums.round()) > 1e-6).any()


@pytest.mark.parametrize(
    ("kind", "theory"), [("parametric", "information"), ("nonparametric", "sandwich")]
)
def test_errors_agree_with_theory_where_components_are_apart(two, kind, theory):
    of_samples = boot(two, kind=kind).standard_errors()["se"]
    of_theory = two.standard_errors(theory)["se"]
    np.testing.assert_allclose(of_samples, of_theory, rtol=MONTE_CARLO + 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_replicates_on_any_cores(two, kind, monkeypatch):
    monkeypatch.setattr("bayesgmm.em.samples._GROUP", 20)
    monkeypatch.setattr("bayesgmm.em.samples._FOR_A_THREAD", 0)
    first = boot(two, 50, kind=kind, cores=1)
    for again in (boot(two, 50, kind=kind, cores=3), boot(two, 30, kind=kind)):
        for mine, theirs in zip(first.params, again.params, strict=True):
            np.testing.assert_allclose(theirs, mine[: len(theirs)], rtol=1e-5, atol=1e-7)
    other = two.bootstrap(50, kind=kind, random_seed=6, progressbar=False)
    assert not np.allclose(other.params.means, first.params.means)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_two_halve_the_variance(one, kind):
    doubled = fit(ONE, 1, sample_weight=np.full(len(ONE), 2.0))
    ratio = errors_of("mean", boot(one, kind=kind)) / errors_of("mean", boot(doubled, kind=kind))
    np.testing.assert_allclose(ratio, np.sqrt(2), rtol=1.5 * MONTE_CARLO)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_zero_are_not_there(kind):
    rows = np.concatenate([TWO, np.full((40, 2), 1e3)])
    em = fit(rows, sample_weight=np.repeat([1.0, 0.0], [len(TWO), 40]))
    assert boot(em, 50, kind=kind).params.means.max() < TWO.max()


@pytest.mark.parametrize("kind", KINDS)
def test_replicates_move_with_the_origin_and_the_units(two, kind):
    unit = np.array([1e-6, 1e6])
    moved = boot(fit(5 * unit + TWO * unit), 40, kind=kind).params
    here = boot(two, 40, kind=kind).params
    np.testing.assert_allclose(moved.weights, here.weights, rtol=1e-4)
    np.testing.assert_allclose(moved.means / unit - 5, here.means, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(moved.cholesky / unit[:, None], here.cholesky, rtol=1e-4, atol=1e-3)


def test_components_of_replicates_are_those_of_the_fit(overlapping):
    found = boot(overlapping, 300)
    order = assignments(*found.params, overlapping.params)
    assert (order == [0, 1]).all()
    summary = found.summary()
    assert (summary["bias"].abs() < 0.6 * summary["se"]).all()
    turned = boot(replace(overlapping, params=overlapping.params.permuted([1, 0])), 300).params
    np.testing.assert_allclose(turned.means[:, [1, 0]], found.params.means, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical", "VEV"])
@pytest.mark.parametrize("kind", KINDS)
def test_replicates_keep_the_structure(covariance_type, kind):
    factors = boot(fit(covariance_type=covariance_type), 20, kind=kind).params.cholesky
    if covariance_type == "tied":
        np.testing.assert_allclose(factors[:, 0], factors[:, 1], rtol=1e-9, atol=1e-12)
    elif covariance_type == "VEV":
        spread = np.linalg.svd(factors, compute_uv=False)
        shape = spread / spread.prod(axis=-1, keepdims=True) ** 0.5
        np.testing.assert_allclose(shape[:, 0], shape[:, 1], rtol=1e-6)
    else:
        assert (factors[..., 1, 0] == 0).all()
        if covariance_type == "spherical":
            np.testing.assert_allclose(factors[..., 0, 0], factors[..., 1, 1])


def test_the_tables_agree_with_the_replicates(two):
    found = boot(two, 200)
    means, table = found.params.means[:, 1, 0], found.summary().loc[(1, "mean", "x0")]
    assert table["mle"] == two.params.means[1, 0]
    assert table["se"] == pytest.approx(means.std(ddof=1))
    assert table["bias"] == pytest.approx(means.mean() - table["mle"])
    assert table["ci_low"] == pytest.approx(np.quantile(means, 0.025))
    inner = found.confidence_intervals(0.5).loc[(1, "mean", "x0")]
    assert inner.tolist() == pytest.approx(np.quantile(means, [0.25, 0.75]))
    assert found.summary().index.equals(two.summary().index)


def test_arviz_summarises_the_group(two):
    import arviz as az

    found = boot(two, 100)
    table = az.summary(found.to_datatree(), group="bootstrap", kind="stats", round_to="none")
    sd = table.loc["means[1, x0]", "sd"]
    assert sd == pytest.approx(found.standard_errors().loc[(1, "mean", "x0"), "se"])


def test_a_saved_bootstrap_comes_back(two, tmp_path):
    found = boot(two, 10, kind="weighted")
    found.save(tmp_path / "boot.nc")
    back = bg.load(tmp_path / "boot.nc")
    assert repr(back) == repr(found)
    for mine, theirs in zip(found.params, back.params, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_is_set_aside_is_told():
    galaxies = fit(bg.load_dataset("galaxies"), 3)  # three rows in one component
    with pytest.warns(UserWarning, match=r"\d+ of 100 samples are set aside"):
        found = boot(galaxies, 100)
    assert found.n_collapsed > 20
    assert found.n_replicates + found.n_failed == 100
    for shown in (repr(found), found._repr_html_()):
        assert f"{found.n_collapsed} that collapsed onto few rows" in shown
        assert "WARNING: errors and intervals describe only" in shown


def test_a_clean_bootstrap_says_how_it_was_made(two):
    shown = repr(boot(two, 10, kind="parametric"))
    assert "10 replicates by rows drawn from the fit (parametric)" in shown
    assert "set aside" not in shown


def test_what_cannot_be_bootstrapped_is_named(two):
    with pytest.raises(bg.InputError, match="'parametric', not 'jackknife'"):
        boot(two, kind="jackknife")
    with pytest.raises(bg.InputError, match="at least 2 replicates, not 1"):
        boot(two, 1)
    with pytest.raises(bg.InputError, match="has priors"):
        boot(replace(two, priors=PRIORS))
    start = bg.Params([0.5, 0.5], [[0, 0], [2, 0]], [np.eye(2)] * 2)
    with pytest.warns(UserWarning, match="not converged"):
        early = fit(start=start, max_iter=3)
    with pytest.raises(bg.InputError, match="larger max_iter"):
        boot(early)
    spike = bg.Params([0.02, 0.98], [TWO[0], TWO.mean(axis=0)], [1e-3 * np.eye(2), np.eye(2)])
    with pytest.warns(UserWarning, match="very few rows"):
        collapsed = fit(start=spike)
    with pytest.raises(bg.InputError, match="fewer components"):
        boot(collapsed)
