"""The likelihood operation: its value, its gradient, and what it refuses to do."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError
from scipy import stats
from scipy.special import logsumexp

from bayesgmm.bayes.likelihood import EStep, Score, log_likelihood

PLAIN = Mode(linker="py", optimizer=None)
MERGED = Mode(linker="py", optimizer="merge")
SHAPES = [(1, 1), (2, 1), (1, 2), (3, 2), (2, 3)]


def mixture(n_components, n_features, diagonal, seed=0):
    """Rows and a mixture not far from them; the factor holds scales where it is diagonal."""
    rng = np.random.default_rng(seed)
    X = 2 * rng.normal(size=(300, n_features))
    weights = rng.dirichlet(np.full(n_components, 5.0))
    means = rng.normal(size=(n_components, n_features))
    if diagonal:
        return X, weights, means, np.exp(0.3 * rng.normal(size=means.shape))
    factor = np.tril(0.5 * rng.normal(size=(n_components, n_features, n_features)), -1)
    return X, weights, means, factor + np.eye(n_features) * np.exp(0.3 * rng.normal())


def oracle(X, weights, means, factor):
    if factor.ndim == 2:
        factor = factor[..., None] * np.eye(factor.shape[1])
    densities = [
        stats.multivariate_normal(mean, lower @ lower.T).logpdf(X)
        for mean, lower in zip(means, factor, strict=True)
    ]
    return logsumexp(np.array(densities).T + np.log(weights), axis=1).sum()


def naive(X, weights, means, factor):
    """The same in PyTensor, for automatic differentiation."""
    difference = X[:, None, :] - means
    if factor.ndim == 2:
        z, diagonal = difference / factor, factor
    else:
        z = pt.linalg.solve_triangular(factor, pt.moveaxis(difference, 0, -1), lower=True, b_ndim=2)
        z, diagonal = pt.moveaxis(z, -1, 0), pt.diagonal(factor, axis1=-2, axis2=-1)
    log_coef = pt.log(weights) - pt.log(diagonal).sum(-1) - X.shape[1] / 2 * np.log(2 * np.pi)
    return pt.logsumexp(log_coef - 0.5 * (z**2).sum(-1), axis=1).sum()


def symbols(factor_ndim):
    factor = pt.dmatrix("factor") if factor_ndim == 2 else pt.dtensor3("factor")
    return pt.dvector("weights"), pt.dmatrix("means"), factor


def evaluate(outputs, inputs, values):
    return pytensor.function(inputs, outputs, mode=PLAIN)(*values)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize(("n_components", "n_features"), SHAPES)
def test_value_is_scipys(n_components, n_features, diagonal):
    X, *values = mixture(n_components, n_features, diagonal)
    inputs = symbols(values[2].ndim)
    value = evaluate(log_likelihood(X, *inputs), inputs, values)
    assert value == pytest.approx(oracle(X, *values), rel=1e-12)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize(("n_components", "n_features"), SHAPES)
def test_gradient_is_fishers_identity(n_components, n_features, diagonal):
    X, *values = mixture(n_components, n_features, diagonal)
    inputs = symbols(values[2].ndim)
    ours = evaluate(pt.grad(log_likelihood(X, *inputs), list(inputs)), inputs, values)
    theirs = evaluate(pt.grad(naive(pt.constant(X), *inputs), list(inputs)), inputs, values)
    for block, expected in zip(ours, theirs, strict=True):
        expected = np.tril(expected) if expected.ndim == 3 else expected
        np.testing.assert_allclose(block, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("diagonal", [True, False])
def test_gradient_is_the_limit_of_differences(diagonal):
    X, *values = mixture(3, 2, diagonal)
    inputs = symbols(values[2].ndim)
    loglik = log_likelihood(X, *inputs)
    both = pytensor.function(inputs, [loglik, *pt.grad(loglik, list(inputs))], mode=PLAIN)
    rng = np.random.default_rng(1)
    step = [rng.normal(size=value.shape) for value in values]
    step[2] = np.tril(step[2]) if step[2].ndim == 3 else step[2]
    slope = sum(np.sum(g * d) for g, d in zip(both(*values)[1:], step, strict=True))

    def along(t):
        return both(*(value + t * d for value, d in zip(values, step, strict=True)))[0]

    h = 3e-4
    differences = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    assert differences == pytest.approx(slope, rel=1e-7)


def test_value_and_gradient_share_one_sweep():
    X, *_ = mixture(3, 2, diagonal=False)
    inputs = symbols(3)
    loglik = log_likelihood(X, *inputs)
    compiled = pytensor.function(inputs, [loglik, *pt.grad(loglik, list(inputs))], mode=MERGED)
    operations = [type(node.op) for node in compiled.maker.fgraph.apply_nodes]
    assert operations.count(EStep) == 1
    assert operations.count(Score) == 1


def test_above_the_diagonal_nothing_is_read():
    X, weights, means, factor = mixture(3, 3, diagonal=False)
    inputs = symbols(3)
    loglik = log_likelihood(X, *inputs)
    both = pytensor.function(inputs, [loglik, *pt.grad(loglik, list(inputs))], mode=PLAIN)
    clean, dirty = (both(weights, means, factor + u) for u in (0, np.triu(np.ones((3, 3)), 1)))
    for a, b in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(a, b)


def test_second_derivatives_raise():
    X, *_ = mixture(2, 2, diagonal=False)
    inputs = symbols(3)
    slope = pt.grad(log_likelihood(X, *inputs), inputs[1])
    with pytest.raises(NotImplementedError, match="second derivatives"):
        pt.grad(slope.sum(), inputs[1])


def test_statistics_cannot_be_differentiated():
    X, *_ = mixture(2, 2, diagonal=False)
    inputs = symbols(3)
    loglik, counts, _, _ = EStep()(X, *inputs)
    for cost in (counts[0], loglik + counts[0]):
        with pytest.raises(NotImplementedError, match="nothing but its log-likelihood"):
            pt.grad(cost, inputs[1])


def test_data_cannot_be_differentiated():
    inputs = symbols(3)
    X = pt.dmatrix("X")
    with pytest.raises(NullTypeGradError, match="data are constants"):
        pt.grad(log_likelihood(X, *inputs), X)


@pytest.mark.filterwarnings("ignore:(divide|invalid value|overflow):RuntimeWarning")
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize(
    ("block", "value"),
    [
        *((0, value) for value in (0.0, -0.1, np.nan)),
        *((1, value) for value in (np.nan, np.inf)),
        *((2, value) for value in (0.0, -1.0, np.nan, np.inf, 5e-324)),
    ],
)
def test_outside_the_parameter_space_the_likelihood_is_zero(block, value, diagonal):
    X, *values = mixture(3, 2, diagonal)
    values[block][(0,) * values[block].ndim] = value
    inputs = symbols(values[2].ndim)
    loglik, *statistics = evaluate(list(EStep()(X, *inputs)), inputs, values)
    assert loglik == -np.inf
    assert not any(block.any() for block in statistics)


def test_strided_and_read_only_inputs_are_taken():
    X, *values = mixture(3, 2, diagonal=False)
    strided = [np.repeat(value, 2, axis=0)[::2] for value in (X, *values)]
    strided[3].flags.writeable = False
    inputs = [pt.dmatrix(), *symbols(3)]
    value = evaluate(log_likelihood(*inputs), inputs, strided)
    assert value == pytest.approx(oracle(X, *values), rel=1e-12)


def test_wrong_ranks_are_told():
    with pytest.raises(ValueError, match="expected X"):
        log_likelihood(np.zeros(3), np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("diagonal", [True, False])
def test_numba_mode_agrees(diagonal):
    X, *values = mixture(3, 2, diagonal)
    inputs = symbols(values[2].ndim)
    loglik = log_likelihood(X, *inputs)
    outputs = [loglik, *pt.grad(loglik, list(inputs))]
    compiled = pytensor.function(inputs, outputs, mode="NUMBA")
    for ours, plain in zip(compiled(*values), evaluate(outputs, inputs, values), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-12)
