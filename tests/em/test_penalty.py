"""Penalised EM: an independent objective in the user's units judges every step and every end."""

import functools
import warnings
from dataclasses import replace
from types import SimpleNamespace

import naive
import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.em.climb import Reason
from bayesgmm.em.penalty import Penalty
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import full_factor
from bayesgmm.mixture.structures import STRUCTURES, get_structure
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    Fixed,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Precision,
    Priors,
    Uniform,
    Variance,
)

ALL = ["full", "tied", "diag", "spherical"]
SCALES = [
    LogNormal(1.0, 0.5),
    LogNormal(1.0, 0.5, 0.9),
    HalfNormal(2.0),
    HalfCauchy(2.0),
    Exponential(0.5),
    Gamma(3.0, 1.0),
    InverseGamma(3.0, 4.0),
    Uniform(0.1, 2.0),
    Variance(InverseGamma(3.0, 4.0)),
    Precision(Gamma(2.0, 1.0)),
    Precision(Uniform(0.2, 3.0)),
]
CENTRES = np.array([[0.0, 0.0, 0.0], [4.0, -3.0, 1.0], [-2.0, 5.0, 3.0]])


def some_rows(n_features, n_rows=60, seed=0):
    """Three correlated clouds, far from zero and in three units."""
    rng = np.random.default_rng(seed)
    mix = np.eye(3) + np.tril(np.full((3, 3), 0.6), -1)
    rows = CENTRES[rng.integers(3, size=n_rows)] + rng.normal(size=(n_rows, 3)) @ mix.T
    return (50 + rows * [1.0, 3.0, 2.0])[:, :n_features]


def informative(X, scales=None):
    """Priors strong enough to matter."""
    return Priors(
        weights=Dirichlet(3.0),
        means=Normal(X.mean(0), 1.0 * X.std(0)),
        scales=LogNormal(0.5, 0.4) if scales is None else scales,
        correlations=LKJ(4.0),
    )


def setting(X, covariance_type, priors, n_components=3):
    structure = get_structure(covariance_type)
    origin, unit = X.mean(0), structure.units(X.std(0))
    penalty = Penalty.of(priors, structure, n_components, X.shape[1], origin, unit)
    return penalty, (X - origin) / unit, origin, unit


def some_point(rows, covariance_type, n_components=3, seed=1):
    """Any mixture of the structure, in the units of the rows."""
    rng = np.random.default_rng(seed)
    k, d = n_components, rows.shape[1]
    cholesky = np.tril(rng.normal(size=(k, d, d)) * 0.2, -1) + np.eye(d) * rng.uniform(0.3, 1)
    if covariance_type == "tied":
        cholesky = np.repeat(cholesky[:1], k, axis=0)
    if STRUCTURES[covariance_type].diagonal:
        scales = rng.uniform(0.3, 1, size=(k, d if covariance_type == "diag" else 1))
        cholesky = np.broadcast_to(scales, (k, d)).copy()
    return rng.dirichlet(np.full(k, 5.0)), rows[rng.choice(len(rows), k, False)], cholesky


def objective(X, priors, covariance_type, weights, means, factor):
    """Log-likelihood and log prior of parameters in the user's units, block by block."""
    cholesky = full_factor(factor)
    scales = np.sqrt(np.square(cholesky).sum(-1))
    correlated = covariance_type in ("full", "tied")
    each = {"full": scales, "diag": scales, "tied": scales[0], "spherical": scales[:, 0]}
    matrices = cholesky / scales[..., None]
    matrices = matrices[:1] if covariance_type == "tied" else matrices
    return (
        naive.log_density(X, weights, means, cholesky).sum()
        + np.sum(priors.weights.logpdf(weights))
        + priors.means.logpdf(means).sum()
        + priors.scales.logpdf(within(each[covariance_type], priors.scales.bounds)).sum()
        + (log_correlations(priors, matrices) if correlated else 0.0)
    )


def within(scales, bounds):
    """Bounds are kept to rounding."""
    lower, upper = bounds
    return np.where(
        np.isclose(scales, lower) | np.isclose(scales, upper), np.clip(scales, lower, upper), scales
    )


def log_correlations(priors, matrices):
    if isinstance(priors.correlations, Fixed):
        return 0.0
    return priors.correlations.logpdf_of_matrix(matrices).sum()


def statistics(rows, weights, means, factor):
    """The E-step, with a leading axis of one mixture."""
    found = naive.estep(rows, weights, means, full_factor(factor))
    diagonal = factor.ndim == 2
    scatter = np.einsum("kii->ki", found.scatter) if diagonal else found.scatter
    return found.counts[None], found.sums[None], scatter[None]


def as_factor(covariances, diagonal):
    return np.sqrt(covariances) if diagonal else np.linalg.cholesky(covariances)


def in_users_units(weights, means, factor, origin, unit):
    stretch = unit if factor.ndim == 2 else unit[:, None]
    return weights, origin + unit * means, stretch * factor


def climb(X, covariance_type, priors, n_iter, point=None):
    """Penalised EM in standardised units; returns the path of objectives and the end."""
    n_components = 3 if point is None else len(point[0])
    penalty, rows, origin, unit = setting(X, covariance_type, priors, n_components)
    diagonal = penalty.structure.diagonal
    point = some_point(rows, covariance_type) if point is None else point
    path = []
    for _ in range(n_iter):
        stats = statistics(rows, *point)
        moved = penalty.mstep(*stats, point[1][None], point[2][None])
        point = moved[0][0], moved[1][0], as_factor(moved[2][0], diagonal)
        user = in_users_units(*point, origin, unit)
        path.append(objective(X, priors, covariance_type, *user))
        if len(path) > 20 and path[-1] - path[-20] < 1e-11:
            break
    return np.array(path), SimpleNamespace(weights=user[0], means=user[1], factor=user[2])


def about_means(counts, sums, scatter, step):
    """Scatter about means that have moved by `step`."""
    if scatter.ndim == 2:
        return scatter - 2 * step * sums + counts[:, None] * step**2
    each = zip(counts, sums, scatter, step, strict=True)
    return np.array(
        [w - np.outer(s, d) - np.outer(d, s) + n * np.outer(d, d) for n, s, w, d in each]
    )


def expected_objective(penalty, counts, scatter, weights, means, factor):
    """Expected complete-data log-likelihood, with scatter about `means`, plus log prior."""
    cholesky, total = full_factor(factor), 0.0
    for n, w, L, s in zip(counts, weights, cholesky, scatter, strict=True):
        inverse = np.linalg.inv(L @ L.T)
        s = s if s.ndim == 2 else np.diag(s)
        total += n * np.log(w) - n * np.log(np.diag(L)).sum() - 0.5 * np.trace(inverse @ s)
    return total + penalty.log_density(weights[None], means[None], factor[None])[0]


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", ALL)
def test_log_density_is_that_of_the_users_units(covariance_type, n_features):
    X = some_rows(n_features)
    priors = informative(X)
    penalty, rows, origin, unit = setting(X, covariance_type, priors)
    weights, means, factor = some_point(rows, covariance_type)
    moved = in_users_units(weights, means, factor, origin, unit)
    expected = objective(X, priors, covariance_type, *moved)
    expected -= naive.log_density(X, weights, moved[1], full_factor(moved[2])).sum()
    found = penalty.log_density(weights[None], means[None], factor[None])
    np.testing.assert_allclose(found, [expected], rtol=1e-10)


@pytest.mark.parametrize("scales", SCALES, ids=lambda prior: type(prior).__name__)
@pytest.mark.parametrize("covariance_type", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_mstep_never_lowers_the_expected_objective(covariance_type, scales, seed):
    X = some_rows(2, seed=seed)
    penalty, rows, _, _ = setting(X, covariance_type, informative(X, scales))
    point = some_point(rows, covariance_type, seed=seed)
    bounded = np.isfinite(scales.bounds[1]).any()
    gain = [gain_of_a_step(penalty, rows, point)] if not bounded else []
    point = stepped(penalty, rows, point)  # within the bounds
    gain.append(gain_of_a_step(penalty, rows, point))
    assert min(gain) > -1e-9
    assert max(gain) > 0


BLOCKS = [
    {"weights": Fixed([0.2, 0.3, 0.5])},
    {"means": Fixed([50.0, 60.0])},
    {"scales": Fixed([1.5, 4.0])},
    {"correlations": Fixed([[1.0, 0.4], [0.4, 1.0]])},
    {"correlations": Fixed([[1.0, 0.4], [0.4, 1.0]]), "scales": Uniform(0.5, 1.5)},
    {"scales": Fixed([[1.5], [2.0], [1.0]]), "correlations": LKJ(2.0, ridge=3.0)},
    {"correlations": LKJ(1.0, ridge=0.5)},
    {"correlations": LKJ(2.0, ridge=2.0), "scales": Uniform(0.5, [1.5, 4.0])},
]


@pytest.mark.parametrize("blocks", BLOCKS, ids=repr)
def test_what_is_fixed_stays_and_the_rest_climbs_to_a_maximum(blocks):
    X = some_rows(2)
    priors = replace(informative(X), **blocks)
    path, end = climb(X, "full", priors, 4000)
    assert (np.diff(path) > -1e-9 * np.abs(path[-1])).all()
    scales = np.sqrt(np.square(end.factor).sum(-1))
    matrices = end.factor / scales[..., None]
    found = {"weights": end.weights, "means": end.means, "scales": scales}
    found["correlations"] = matrices @ matrices.mT
    for name, prior in blocks.items():
        if isinstance(prior, Fixed):
            np.testing.assert_allclose(
                found[name], np.broadcast_to(prior.value, found[name].shape), rtol=1e-9
            )
    lower, upper = priors.scales.bounds
    assert (scales >= np.asarray(lower) * (1 - 1e-9)).all()
    assert (scales <= np.asarray(upper) * (1 + 1e-9)).all()
    rng = np.random.default_rng(0)
    for _ in range(50):
        weights, means, moved = nudged(end, priors, rng)
        assert objective(X, priors, "full", weights, means, moved) < path[-1] + 1e-7


@pytest.mark.parametrize("scales", SCALES, ids=repr)
@pytest.mark.parametrize("covariance_type", ALL)
def test_the_log_posterior_never_falls_from_any_start(covariance_type, scales):
    X = some_rows(2)
    priors = informative(X, scales)
    for start in starts(X, covariance_type):
        assert_never_falls(ascent(X, covariance_type, priors, start), priors)


@pytest.mark.parametrize("blocks", BLOCKS, ids=repr)
@pytest.mark.parametrize("covariance_type", ALL)
def test_the_log_posterior_never_falls_where_something_is_fixed(covariance_type, blocks):
    X = some_rows(2)
    unlike = covariance_type in ("tied", "spherical") and "scales" in blocks
    blocks = blocks | ({"scales": Uniform(0.5, 1.5)} if unlike else {})
    priors = replace(informative(X), **blocks)
    for start in starts(X, covariance_type):
        assert_never_falls(ascent(X, covariance_type, priors, start), priors)


def starts(X, covariance_type):
    """The maximum of the likelihood, which may be out of the priors' reach, and any mixture."""
    yield maximum(X.tobytes(), covariance_type)
    rng = np.random.default_rng(1)
    cholesky = np.tril(rng.normal(size=(3, 2, 2))) + 2 * np.eye(2)
    wide = np.exp(rng.normal(0, 1.5, size=(3, 1, 1)))
    yield bg.Params(rng.dirichlet(np.ones(3)), X[rng.choice(len(X), 3)], wide * cholesky)


@functools.cache
def maximum(rows, covariance_type):
    X = np.frombuffer(rows).reshape(-1, 2)
    return bg.fit_em(X, 3, covariance_type=covariance_type, random_seed=0).params


def ascent(X, covariance_type, priors, start):
    options = {"covariance_type": covariance_type, "priors": priors, "max_iter": 300}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some collapse, for not all of these priors prevent it
        return bg.fit_em(X, 3, start=start, **options)


def assert_never_falls(em, priors):
    rounding = 1e-12 * np.abs(em.history).max()
    assert np.diff(em.history).min() > -rounding
    if em.reason is Reason.COLLAPSED:
        return
    p, X = em.params, em.data.values
    diagonal = em.covariance_type in ("diag", "spherical")
    factor = p.scales if diagonal else p.cholesky
    last = objective(X, priors, em.covariance_type, p.weights, p.means, factor)
    assert em.history[-1] == pytest.approx(last, rel=1e-9)


@pytest.mark.parametrize("blocks", BLOCKS, ids=repr)
def test_a_start_goes_no_further_than_the_priors_ask(blocks):
    X = some_rows(2)
    priors = replace(informative(X), **blocks)
    penalty, rows, origin, unit = setting(X, "full", priors)
    start = [a[None] for a in some_point(rows, "full")]
    moved = penalty.within(*start)
    again = penalty.within(*moved)
    for name, before, after, twice in zip(
        ["weights", "means", "factor"], start, moved, again, strict=True
    ):
        np.testing.assert_allclose(twice, after, rtol=1e-12, atol=1e-14)
        moves_factor = {"means", "scales", "correlations"} & set(blocks)
        if name not in blocks and not (name == "factor" and moves_factor):
            np.testing.assert_array_equal(after, before)
    weights, means, factor = in_users_units(*(a[0] for a in moved), origin, unit)
    assert np.isfinite(objective(X, priors, "full", weights, means, factor))
    scales = np.sqrt(np.square(factor).sum(-1))
    found = {"weights": weights, "means": means, "scales": scales}
    found["correlations"] = (factor @ factor.mT) / (scales[:, :, None] * scales[:, None])
    for name, prior in blocks.items():
        if isinstance(prior, Fixed):
            expected = np.broadcast_to(prior.value, found[name].shape)
            np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    lower, upper = priors.scales.bounds
    assert (
        (scales > np.multiply(lower, 1 - 1e-12)) & (scales < np.multiply(upper, 1 + 1e-12))
    ).all()


def nudged(end, priors, rng, size=1e-3):
    """A mixture near by that the priors allow."""
    weights, means = end.weights, end.means
    scales = np.sqrt(np.square(end.factor).sum(-1))
    matrices = end.factor / scales[..., None]
    if not isinstance(priors.weights, Fixed):
        weights = weights * np.exp(size * rng.normal(size=3))
    if not isinstance(priors.means, Fixed):
        means = means + size * scales * rng.normal(size=means.shape)
    if not isinstance(priors.correlations, Fixed):
        matrices = matrices + size * np.tril(rng.normal(size=matrices.shape))
        matrices /= np.linalg.norm(matrices, axis=-1, keepdims=True)
    scales = np.clip(scales * np.exp(size * rng.normal(size=scales.shape)), *priors.scales.bounds)
    return weights / weights.sum(), means, scales[..., None] * matrices


def stepped(penalty, rows, point):
    _, means, factor = point
    found = penalty.mstep(*statistics(rows, *point), means[None], factor[None])
    return found[0][0], found[1][0], as_factor(found[2][0], penalty.structure.diagonal)


def gain_of_a_step(penalty, rows, point):
    """How much the expected objective gains."""
    counts, sums, scatter = (s[0] for s in statistics(rows, *point))
    before = expected_objective(penalty, counts, scatter, *point)
    weights, means, factor = stepped(penalty, rows, point)
    about = about_means(counts, sums, scatter, means - point[1])
    return expected_objective(penalty, counts, about, weights, means, factor) - before


def test_ordered_means_are_refused():
    with pytest.raises(InputError, match="leave out ordered"):
        setting(some_rows(2), "full", replace(informative(some_rows(2)), ordered=0))


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", ALL)
def test_objective_never_falls_and_its_gradient_vanishes_at_the_end(covariance_type, n_features):
    X = some_rows(n_features)
    priors = informative(X)
    path, end = climb(X, covariance_type, priors, 3000)
    assert (np.diff(path) > -1e-10 * np.abs(path[-1])).all()
    np.testing.assert_allclose(gradient(X, priors, covariance_type, end), 0, atol=1e-4)


def gradient(X, priors, covariance_type, end, step=1e-5):
    """Slopes of the objective in every free direction, in logarithms or standard deviations."""
    k, d = end.means.shape
    diagonal = end.factor.ndim == 2
    shapes = {
        "full": [(i, a, b) for i in range(k) for a in range(d) for b in range(a + 1)],
        "tied": [(slice(None), a, b) for a in range(d) for b in range(a + 1)],
        "diag": [(i, a) for i in range(k) for a in range(d)],
        "spherical": [(i, slice(None)) for i in range(k)],
    }

    def slope(move):
        values = [objective(X, priors, covariance_type, *move(h)) for h in (-step, step)]
        return (values[1] - values[0]) / (2 * step)

    def move_weight(i, h):
        weights = end.weights * np.exp(h * (np.arange(k) == i))
        return weights / weights.sum(), end.means, end.factor

    def move_mean(place, h):
        means = end.means.copy()
        means[place] += h * X.std()
        return end.weights, means, end.factor

    def move_factor(place, h):
        factor = end.factor.copy()
        factor[place] += h * (factor[place] if diagonal else X.std())
        return end.weights, end.means, factor

    return [
        *(slope(lambda h, i=i: move_weight(i, h)) for i in range(k)),
        *(slope(lambda h, p=p: move_mean(p, h)) for p in np.ndindex(k, d)),
        *(slope(lambda h, p=p: move_factor(p, h)) for p in shapes[covariance_type]),
    ]


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("covariance_type", ALL)
def test_flat_priors_leave_the_maximum_likelihood_step(covariance_type, n_features):
    X = some_rows(n_features)
    flat = Priors(
        weights=Dirichlet(1.0),
        means=Normal(0.0, 1e9),
        scales=Exponential(1e-9),
        correlations=LKJ(1.0),
    )
    penalty, rows, _, _ = setting(X, covariance_type, flat)
    _, means, factor = point = some_point(rows, covariance_type)
    counts, sums, scatter = stats = statistics(rows, *point)
    for _ in range(3):  # the covariances are climbed to, from wherever they are
        weights, moved, covariances = penalty.mstep(*stats, means[None], factor[None])
        factor = as_factor(covariances[0], penalty.structure.diagonal)
    np.testing.assert_allclose(weights, counts / len(X), rtol=1e-12)
    np.testing.assert_allclose(moved, means + sums / counts[..., None], rtol=1e-9)
    about, n = about_means(counts[0], sums[0], scatter[0], moved[0] - means), counts[0]
    each = {
        "full": lambda: about / n[:, None, None],
        "tied": lambda: about.sum(0) / n.sum(),
        "diag": lambda: about / n[:, None],
        "spherical": lambda: about.mean(1, keepdims=True) / n[:, None],
    }
    expected = np.broadcast_to(each[covariance_type](), covariances[0].shape)
    np.testing.assert_allclose(covariances[0], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("covariance_type", ALL)
def test_a_batch_is_one_at_a_time(covariance_type):
    X = some_rows(3)
    penalty, rows, _, _ = setting(X, covariance_type, informative(X))
    points = [some_point(rows, covariance_type, seed=seed) for seed in range(4)]
    singles = [(*statistics(rows, *point), *(a[None] for a in point)) for point in points]
    counts, sums, scatter, weights, means, factor = map(np.concatenate, zip(*singles, strict=True))
    together = penalty.mstep(counts, sums, scatter, means, factor)
    densities = penalty.log_density(weights, means, factor)
    for i, (n, total, spread, w, m, f) in enumerate(singles):
        alone = penalty.mstep(n, total, spread, m, f)
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(many[i], one[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(densities[i], penalty.log_density(w, m, f)[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("scales", "log_scale"),
    [
        (LogNormal(0.0, 0.5), lambda n: -(0.5**2) * (n + 1)),
        (InverseGamma(2.0, 1.0), lambda n: -np.log(n + 3)),
    ],
    ids=["LogNormal", "InverseGamma"],
)
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_component_on_tied_rows_does_not_collapse(covariance_type, scales, log_scale):
    """The likelihood has no bound there; n equal numbers and the prior agree on a scale."""
    rng = np.random.default_rng(3)
    round_ = covariance_type == "spherical"
    tied = 12 + np.arange(6.0)[:, None] * ([0, 0] if round_ else [1, 0])
    X = np.concatenate([rng.normal(size=(50, 2)), tied])
    priors = Priors(means=Normal(5.0, 10.0), scales=scales)
    penalty, _, origin, unit = setting(X, covariance_type, priors, 2)
    factor = np.array([[1.0, 1.0], [1e-4 if round_ else 1.0, 1e-4]])
    factor = factor if penalty.structure.diagonal else factor[:, :, None] * np.eye(2)
    means = (np.array([[0.0, 0.0], tied.mean(0)]) - origin) / unit
    _, end = climb(X, covariance_type, priors, 300, (np.array([0.9, 0.1]), means, factor))
    least = np.sqrt(np.square(full_factor(end.factor)).sum(-1)).min()
    assert np.log(least) == pytest.approx(log_scale(12 if round_ else 6), abs=1e-3)


def test_equal_rows_leave_a_scale_where_data_and_prior_agree():
    """With n rows equal to the mean, ``-n u`` meets a log-normal at ``mu - sigma**2 (n + 1)``."""
    n, mu, sigma = 5.0, 0.3, 0.4
    priors = Priors(means=Normal(0.0, 1.0), scales=LogNormal(mu, sigma))
    unit, zero = np.array([2.0]), np.zeros((1, 1, 1))
    penalty = Penalty.of(priors, get_structure("diag"), 1, 1, np.zeros(1), unit)
    factor = np.ones((1, 1, 1))
    for _ in range(10):
        factor = np.sqrt(penalty.mstep(np.array([[n]]), zero[0], zero, zero, factor)[2])
    assert unit[0] * factor.item() == pytest.approx(np.exp(mu - sigma**2 * (n + 1)), rel=1e-9)


def test_a_component_without_rows_is_its_prior():
    """Its mean is that of the prior; the mode of a log-normal is ``exp(mu - sigma**2)``."""
    priors = Priors(
        weights=Dirichlet(2.0), means=Normal([1.0, -2.0], 1.0), scales=LogNormal(0.5, 0.4)
    )
    penalty = Penalty.of(priors, get_structure("full"), 2, 2, np.zeros(2), np.ones(2))
    counts = np.array([[10.0, 0.0]])
    sums = means = np.zeros((1, 2, 2))
    factor = np.array([[np.eye(2), [[1.0, 0.0], [0.5, 0.8]]]])
    scatter = counts[..., None, None] * np.eye(2)
    for _ in range(20):
        weights, moved, covariances = penalty.mstep(counts, sums, scatter, means, factor)
        factor = np.linalg.cholesky(covariances)
    np.testing.assert_allclose(weights, [[11 / 12, 1 / 12]])
    np.testing.assert_allclose(moved[0, 1], [1.0, -2.0], rtol=1e-9)
    expected = np.exp(2 * (0.5 - 0.4**2)) * np.eye(2)
    np.testing.assert_allclose(covariances[0, 1], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("covariance_type", ALL)
def test_mode_moves_and_stretches_with_the_data(covariance_type):
    X, shift, scale = some_rows(2), 1e4, 1e3
    one, other = (
        climb(x, covariance_type, Priors.weakly_informative(x, 3, covariance_type), 200)[1]
        for x in (X, shift + scale * X)
    )
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-6)
    np.testing.assert_allclose(other.means, shift + scale * one.means, rtol=1e-6)
    np.testing.assert_allclose(other.factor, scale * one.factor, rtol=1e-6, atol=1e-6 * scale)


def test_a_concentration_without_a_mode_is_refused():
    priors = Priors(weights=Dirichlet(0.5), means=Normal(0, 1), scales=HalfNormal(1))
    with pytest.raises(InputError, match=r"concentration of the weights of at least 1, not 0\.5"):
        setting(some_rows(2), "full", priors)


def test_priors_of_another_shape_are_refused():
    priors = Priors(means=Normal(np.zeros(3), 1), scales=HalfNormal(1))
    with pytest.raises(InputError, match="means: mu of Normal"):
        setting(some_rows(2), "full", priors)
