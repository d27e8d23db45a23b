"""What C sees of a density is the density."""

import ctypes
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from bayesgmm import priors as p
from bayesgmm.bayes import callback
from bayesgmm.bayes.density import Density

FAMILIES = [
    p.LogNormal(0.1, 0.5),
    p.LogNormal(0.1, 0.5, 0.2),
    p.HalfCauchy(1.5),
    p.HalfNormal(2.0),
    p.Exponential(0.7),
    p.Gamma(2.0, 1.5),
    p.InverseGamma(3.0, 2.0),
    p.Uniform(0.01, 50.0),
    p.Variance(p.InverseGamma(3.0, 2.0)),
    p.Fixed(1.2),
]


def make(covariance_type, scales, n_components=3, n_features=2):
    X = np.random.default_rng(0).normal(size=(40, n_features))
    priors = p.Priors(
        weights=p.Dirichlet(1.3), means=p.Normal(0.1, 2.5), scales=scales, correlations=p.LKJ(2.5)
    )
    return Density(X, n_components, covariance_type, priors)


PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


def called(density, x):
    """Call the function at its address, as C would."""
    gradient, value = np.full(density.n_dim, np.nan), np.full(1, np.nan)
    table = callback.Table(*density.arguments)
    function = PROTOTYPE(table.density)
    arrays = [a.ctypes.data for a in (x, gradient, value)]
    return function(density.n_dim, *arrays, table.address), value[0], gradient


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("scales", FAMILIES, ids=lambda prior: type(prior).__name__)
def test_the_function_at_the_address_is_the_density(covariance_type, scales):
    density = make(covariance_type, scales)
    points = np.random.default_rng(1).normal(size=(3, density.n_dim))
    for x in points:
        value, gradient = density.value_and_grad(x)
        code, its_value, its_gradient = called(density, x)
        assert (code, its_value) == (0, value)
        np.testing.assert_array_equal(its_gradient, gradient)
    expected = [density.value_and_grad(x)[0] for x in points]
    np.testing.assert_array_equal(density.log_densities(points[None]), [expected])


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_wall_is_an_error_from_which_one_recovers(covariance_type):
    density = make(covariance_type, FAMILIES[0])
    code, value, gradient = called(density, np.full(density.n_dim, 1e200))
    assert code > 0  # to nutpie, less than zero is the end
    assert value == -np.inf
    assert not gradient.any()


def test_ordered_means_and_a_ridge_reach_the_function():
    density = make("full", FAMILIES[0])
    priors = replace(density.priors, ordered=0, correlations=p.LKJ(2.0, ridge=1.5))
    density = Density(density.X, 3, "full", priors)
    x = np.random.default_rng(3).normal(size=density.n_dim)
    assert called(density, x)[1] == density.value_and_grad(x)[0]


def test_no_rows_and_one_feature_are_densities_too():
    for n_features in (1, 2):
        density = make("full", FAMILIES[0], n_features=n_features)
        prior = Density(density.X[:0], 3, "full", density.priors)
        x = np.random.default_rng(2).normal(size=density.n_dim)
        assert called(prior, x)[1] == prior.value_and_grad(x)[0]


def test_the_table_keeps_what_it_points_to():
    density = make("full", FAMILIES[0])
    x = np.zeros(density.n_dim)
    expected = density.value_and_grad(x)[0]
    table = callback.Table(*density.arguments)
    del density
    clutter = [np.full(80, 7.0) for _ in range(1000)]
    function = PROTOTYPE(table.density)
    gradient, value = np.empty_like(x), np.empty(1)
    assert function(x.size, *[a.ctypes.data for a in (x, gradient, value)], table.address) == 0
    assert value[0] == expected
    assert len(clutter) == 1000


def test_a_copy_has_a_table_of_its_own():
    density = make("full", FAMILIES[0])
    x = np.zeros(density.n_dim)
    expected = density.value_and_grad(x)
    copy = pickle.loads(pickle.dumps(density))
    assert copy.table.address != density.table.address
    del density
    np.testing.assert_array_equal(copy.value_and_grad(x)[1], expected[1])


def test_a_vector_of_the_wrong_length_is_refused():
    density = make("full", FAMILIES[0])
    with pytest.raises(ValueError, match="reshape"):  # not read beyond its end
        density.value_and_grad(np.zeros(density.n_dim - 1))


COUNT = """
import numpy as np
from bayesgmm import priors as p
from bayesgmm.bayes import twin
from bayesgmm.bayes.density import Density
from bayesgmm.mixture import compilation
for covariance_type in ("full", "diag"):
    priors = p.Priors(
        weights=p.Dirichlet(1.0),
        means=p.Normal(0.0, 1.0),
        scales=p.HalfNormal(1.0),
        correlations=p.LKJ(2.0),
    )
    Density(np.eye(2), 2, covariance_type, priors).table
formulas = twin.log_density_full, twin.log_density_diag
print(sum(c.cache_hits for c in compilation._callbacks))
print(sum(f.stats.cache_hits.total() for f in formulas))
"""


def test_a_new_process_finds_the_code_on_disk():
    for covariance_type in ("full", "diag"):
        _ = make(covariance_type, FAMILIES[0]).table
    done = subprocess.run(
        [sys.executable, "-c", COUNT], env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "2"]
