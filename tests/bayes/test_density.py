"""The density for the sampler is the ``pm.Model``, number for number."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from arviz_stats.base import array_stats
from pytensor.compile.mode import Mode
from scipy.special import betainc

from bayesgmm import priors as p
from bayesgmm.bayes import nuts, twin
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.model import build_model
from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.shapes import parameter_shapes

# PyTensor tells so when it first looks for a BLAS; nothing here needs one.
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS:UserWarning")

STRUCTURES = ("full", "tied", "diag", "spherical")
SCALES = (
    p.LogNormal(-0.3, 0.7),
    p.LogNormal(-0.3, 0.7, 0.4),
    p.HalfNormal(1.3),
    p.HalfCauchy(0.8),
    p.Exponential(1.7),
    p.Gamma(2.5, 1.9),
    p.InverseGamma(3.5, 1.1),
    p.Uniform(0.2, 3.1),
    p.Variance(p.InverseGamma(2.5, 1.3)),
    p.Precision(p.Gamma(2.1, 1.3)),
    p.Precision(p.Uniform(0.0, 4.0)),
    p.Variance(p.HalfCauchy(1.2)),
)
R = np.array([[1, 0.3, 0.2], [0.3, 1, -0.4], [0.2, -0.4, 1]])
MU = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -2.0]])
BLOCKS = [  # of two components with three features
    ("full", {"correlations": p.LKJ(2.0, ridge=0.3)}),
    ("tied", {"correlations": p.LKJ(0.8, ridge=1.1), "weights": p.Fixed([0.3, 0.7])}),
    ("full", {"correlations": p.Fixed(R), "scales": p.Uniform(0.0, [1.0, 2.0, 3.0])}),
    ("full", {"correlations": p.Fixed([R, np.eye(3)]), "means": p.Fixed(MU)}),
    ("tied", {"correlations": p.Fixed(R), "scales": p.Fixed([1.0, 2.0, 3.0])}),
    ("full", {"scales": p.Fixed([[1.0], [2.0]]), "weights": p.Fixed(0.5)}),
    ("diag", {"scales": p.Fixed(1.3), "means": p.Normal(MU, 1.0), "ordered": 0}),
    ("spherical", {"scales": p.Variance(p.Uniform(0.1, [1.0, 2.0])), "ordered": 2}),
    ("tied", {"scales": p.Precision(p.LogNormal(0.1, 0.7)), "ordered": 1}),
    ("full", {"scales": p.LogNormal(0.1, [[0.7], [0.5]], [0.0, 0.3, 2.0])}),
    ("tied", {"scales": p.Variance(p.LogNormal(0.1, 0.7, 0.5))}),
    ("full", {"means": p.Fixed(0.0), "scales": p.Precision(p.Gamma(2.0, [[1.0], [3.0]]))}),
    ("diag", {"weights": p.Dirichlet([0.01, 5.0]), "scales": p.Uniform(0.5, 2.0)}),
]
CASES = [
    (*case, SCALES[i % len(SCALES)])
    for i, case in enumerate(itertools.product(STRUCTURES, (1, 2, 3), (1, 2, 3)))
]


def make(structure, n_features, n_components, scales=SCALES[0], n_rows=30, **others):
    rng = np.random.default_rng(n_features + 10 * n_components)
    blocks = {
        "weights": p.Dirichlet(rng.uniform(0.5, 3, n_components)),
        "means": p.Normal(rng.normal(size=n_features), rng.uniform(1, 3, (n_components, 1))),
        "scales": scales,
        "correlations": p.LKJ(1.7),
    }
    priors = p.Priors(**blocks | others)
    X = rng.normal(size=(n_rows, n_features))
    return Density(X, n_components, structure, priors)


def random_points(density, n=3, spread=0.7):
    return spread * np.random.default_rng(5).normal(size=(n, density.n_dim))


def pymc_twin(density):
    """Log density and gradient of the model, run by Python: nothing is compiled."""
    model = build_model(
        density.X, density.n_components, density.covariance_type, priors=density.priors
    )
    function = model.logp_dlogp_function(ravel_inputs=True, mode=Mode("py", None))
    function.set_extra_values({})
    return function


def check_against_pymc(density):
    theirs = pymc_twin(density)
    for x in random_points(density):
        value, gradient = density.value_and_grad(x)
        expected_value, expected_gradient = theirs(x)
        np.testing.assert_allclose(value, expected_value, rtol=1e-9)
        scale = abs(expected_gradient).max()
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize(("structure", "n_features", "n_components", "scales"), CASES)
def test_value_and_gradient_are_those_of_the_pymc_model(
    structure, n_features, n_components, scales
):
    check_against_pymc(make(structure, n_features, n_components, scales))


@pytest.mark.parametrize(("structure", "blocks"), BLOCKS, ids=repr)
def test_fixed_ordered_and_ridged_blocks_are_those_of_the_pymc_model(structure, blocks):
    check_against_pymc(make(structure, 3, 2, **blocks))


@pytest.mark.parametrize(("structure", "blocks"), BLOCKS, ids=repr)
def test_what_is_fixed_has_no_numbers_and_its_value(structure, blocks):
    density, free = make(structure, 3, 2, **blocks), make(structure, 3, 2)
    sizes = dict(
        zip(("weights", "means", "scales", "correlations"), free.layout.sizes, strict=True)
    )
    fixed = {name: b for name, b in blocks.items() if isinstance(b, p.Fixed)}
    assert density.n_dim == free.n_dim - sum(sizes[name] for name in fixed)
    mixture = density.unpack(random_points(density))
    found = mixture._asdict()
    found["correlations"] = found["correlations_cholesky"] @ found["correlations_cholesky"].mT
    for name, prior in fixed.items():
        expected = np.broadcast_to(prior.value, found[name].shape)
        np.testing.assert_allclose(found[name], expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(("structure", "blocks"), BLOCKS, ids=repr)
def test_pack_undoes_unpack_of_every_block(structure, blocks):
    density = make(structure, 3, 2, **blocks)
    for x in random_points(density):
        mixture = density.unpack(x)
        packed = density.pack(mixture.weights, mixture.means, mixture.cholesky)
        np.testing.assert_allclose(packed, x, rtol=1e-11, atol=1e-11)


def test_components_are_packed_in_the_order_that_is_asked_for():
    density = make("full", 2, 3, ordered=1)
    x = random_points(density, 1)[0]
    means = density.unpack(x).means
    assert (np.diff(means[:, 1]) > 0).all()
    mixture, turn = density.unpack(x), [2, 0, 1]
    packed = density.pack(*(a[turn] for a in (mixture.weights, mixture.means, mixture.cholesky)))
    np.testing.assert_allclose(packed, x, rtol=1e-11, atol=1e-11)


def test_means_that_tie_are_packed_apart():
    density = make("diag", 2, 2, ordered=0)
    x = density.pack(np.full(2, 0.5), np.zeros((2, 2)), np.stack([np.eye(2)] * 2))
    assert np.isfinite(density.value_and_grad(x)[0])


def test_scales_out_of_bounds_are_packed_within():
    density = make("diag", 2, 2, p.Uniform(1.0, 2.0))
    x = density.pack(np.full(2, 0.5), np.zeros((2, 2)), np.stack([0.1 * np.eye(2), 9 * np.eye(2)]))
    scales = density.unpack(x).scales
    assert (scales[0] < 1.01).all()
    assert (scales[1] > 1.99).all()
    assert np.isfinite(density.value_and_grad(x)[0])


def test_something_must_be_free():
    with pytest.raises(InputError, match="nothing is left to estimate"):
        make("diag", 2, 1, p.Fixed(1.0), means=p.Fixed(0.0))


@pytest.mark.parametrize("a", [0.01, 1e-3])
def test_small_concentrations_neither_overflow_nor_lose_their_gradient(a):
    """Far out only one share counts: the log density falls as the concentration of the others."""
    density = make("diag", 1, 3, weights=p.Dirichlet(a), n_rows=0)
    for far in (1e2, 1e4, 1e6):
        x = np.zeros(density.n_dim)
        x[0] = far
        value, gradient = density.value_and_grad(x)
        assert np.isfinite(value)
        # log shares of the others: the last is -2 far below, the second -far
        assert gradient[0] == pytest.approx(-3 * a, rel=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_priors_may_be_given_element_by_element(structure):
    shape = parameter_shapes(2, 3, structure)["scales"]
    sigma = np.random.default_rng(1).uniform(0.5, 2, shape)
    density = make(structure, 3, 2, p.HalfNormal(sigma))
    (x,) = random_points(density, 1)
    np.testing.assert_allclose(density.value_and_grad(x)[0], pymc_twin(density)(x)[0], rtol=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("scales", SCALES, ids=repr)
def test_gradient_is_the_slope_of_the_value(structure, scales):
    density = make(structure, 4, 3, scales)
    (x,) = random_points(density, 1)
    _, gradient = density.value_and_grad(x)
    h = 1e-5
    steps = h * np.eye(density.n_dim)
    slope = [
        (density.value_and_grad(x + e)[0] - density.value_and_grad(x - e)[0]) / (2 * h)
        for e in steps
    ]
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6 * abs(gradient).max())


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("n_features", [1, 2, 3, 5])
@pytest.mark.parametrize("n_components", [1, 3])
def test_pack_undoes_unpack(structure, n_features, n_components):
    density = make(structure, n_features, n_components)
    (x,) = random_points(density, 1)
    mixture = density.unpack(x)
    packed = density.pack(mixture.weights, mixture.means, mixture.cholesky)
    np.testing.assert_allclose(packed, x, rtol=1e-12, atol=1e-12)


def test_unpack_takes_chains_and_draws():
    density = make("tied", 3, 2)
    x = np.random.default_rng(2).normal(size=(4, 5, density.n_dim))
    mixture = density.unpack(x)
    assert mixture.weights.shape == (4, 5, 2)
    assert mixture.means.shape == mixture.scales.shape == (4, 5, 2, 3)
    assert mixture.cholesky.shape == (4, 5, 2, 3, 3)
    one = density.unpack(x[3, 1])
    for many, single in zip(mixture, one, strict=True):
        np.testing.assert_array_equal(many[3, 1], single)


def test_unpacked_correlations_are_correlations():
    density = make("full", 4, 2)
    factor = density.unpack(random_points(density, 50)).correlations_cholesky
    correlations = factor @ factor.mT
    np.testing.assert_allclose(np.diagonal(correlations, axis1=-2, axis2=-1), 1, rtol=1e-12)


def test_what_a_structure_shares_is_pooled():
    density = make("spherical", 2, 1)
    x = density.pack(np.ones(1), np.zeros((1, 2)), np.diag([3.0, 4.0])[None])
    np.testing.assert_allclose(density.unpack(x).scales, np.sqrt(12.5))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("size", [1e160, 1e307])
def test_points_beyond_floats_are_a_wall(structure, size):
    density = make(structure, 3, 2, p.InverseGamma(3.0, 1.0))
    for x in random_points(density, 20, size):
        value, gradient = density.value_and_grad(x)
        assert value == -np.inf
        np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("size", [1e1, 1e2, 1e3])
def test_far_points_are_numbers_or_a_wall(structure, size):
    density = make(structure, 3, 2)
    for x in random_points(density, 50, size):
        value, gradient = density.value_and_grad(x)
        assert value < np.inf
        assert np.isfinite(gradient).all()
        assert np.isfinite(value) or not gradient.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_no_numbers_are_a_wall(bad):
    density = make("full", 2, 2)
    for x in np.where(np.eye(density.n_dim, dtype=bool), bad, 0.0):
        value, gradient = density.value_and_grad(x)
        assert value == -np.inf
        np.testing.assert_array_equal(gradient, 0)


def test_nothing_is_compiled_for_a_new_data_set_or_prior():
    for case in CASES:
        density = make(*case)
        density.value_and_grad(np.zeros(density.n_dim))
    density = make("diag", 3, 2, p.HalfNormal(np.ones((2, 3))))
    density.value_and_grad(np.zeros(density.n_dim))
    assert len(twin.log_density_full.signatures) == 1
    assert len(twin.log_density_diag.signatures) == 1


def test_small_concentrations_are_sampled_right():
    """The share of one component is Beta(a, a): its logarithms of odds reach hundreds."""
    a, far = 0.01, 50.0
    density = make("diag", 1, 2, weights=p.Dirichlet(a), n_rows=0)
    starts = 0.1 * np.random.default_rng(1).normal(size=(4, density.n_dim))
    x = nuts.sample(density, starts, draws=1000, tune=500, random_seed=1, progressbar=False)
    x = x.unconstrained
    beyond = (np.abs(2 * x[..., 0]) > far).astype(float)  # the number is half of the odds' log
    expected = 2 * betainc(a, a, np.exp(-far))
    error = array_stats.mcse(beyond, chain_axis=0, draw_axis=1, method="mean")
    assert beyond.mean() == pytest.approx(expected, abs=4 * error)
    weights = density.unpack(x).weights
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)


def test_density_keeps_its_own_data():
    X = np.random.default_rng(0).normal(size=(20, 2))
    density = Density(X, 1, "full", p.Priors.weakly_informative(X, 1))
    before = density.value_and_grad(np.zeros(density.n_dim))[0]
    X += 1
    assert density.value_and_grad(np.zeros(density.n_dim))[0] == before
    assert not density.X.flags.writeable


def test_unknown_structure_and_misshapen_prior_are_refused():
    with pytest.raises(InputError, match="covariance_type"):
        make("round", 2, 2)
    with pytest.raises(InputError, match="broadcast"):
        make("tied", 2, 3, p.HalfNormal(np.ones(3)))


SAME_BITS = """
import numpy as np
from bayesgmm.bayes.density import Density
from bayesgmm.priors import Priors
X = np.random.default_rng(0).normal(size=(40, 2))
density = Density(X, 2, "diag", Priors.weakly_informative(X, 2, "diag"))
points = 0.3 * np.random.default_rng(1).normal(size=(50, density.n_dim))
print([[number.hex() for number in density.value_and_grad(x)[1]] for x in points])
"""


def test_kernels_from_disk_give_the_same_bits_as_when_they_were_compiled(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SAME_BITS]
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert "compiling" in runs[0].stderr
    assert "compiling" not in runs[1].stderr
    assert runs[0].stdout == runs[1].stdout
