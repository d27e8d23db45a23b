"""NUTS draws from the density that it is given, starts where it is told, and repeats itself."""

import _thread
import signal
import subprocess
import sys
import threading
import time
from importlib.resources import files

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayesgmm import priors as p
from bayesgmm.bayes import nuts
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.nuts import sample
from bayesgmm.mixture.errors import FitError, InputError

# Old Faithful, standardised with ddof=0, K = 2, full covariances, under the priors of
# `faithful_density`: NumPyro's NUTS (0.22, float64), 4 chains of 5000 draws, relabelled by
# ascending means[:, 0]. For each parameter: mean, sd, and their Monte Carlo standard errors.
NUMPYRO = {
    "weights[0]": (0.3568481, 0.028988, 0.00017, 0.00022),
    "weights[1]": (0.6431519, 0.028988, 0.00017, 0.00022),
    "means[0,0]": (-1.274205, 0.0245381, 0.00015, 0.00017),
    "means[0,1]": (-1.209658, 0.0447763, 0.00028, 0.00032),
    "means[1,0]": (0.7029882, 0.0280664, 0.00018, 0.00019),
    "means[1,1]": (0.6676997, 0.0337523, 0.00022, 0.00023),
    "sds[0,0]": (0.2350057, 0.0186173, 0.00012, 0.00014),
    "sds[0,1]": (0.4365733, 0.0324621, 0.0002, 0.00024),
    "sds[1,0]": (0.366742, 0.0208972, 0.00014, 0.00015),
    "sds[1,1]": (0.4479054, 0.0248478, 0.00016, 0.00018),
    "corr[0]": (0.2720444, 0.0949578, 0.00062, 0.00066),
    "corr[1]": (0.3739424, 0.0670568, 0.00043, 0.00044),
    "covariances[0,0,0]": (0.05557425, 0.00888043, 5.7e-05, 7.1e-05),
    "covariances[0,1,0]": (0.02824253, 0.0113418, 8.1e-05, 8.8e-05),
    "covariances[0,1,1]": (0.19165, 0.0287848, 0.00018, 0.00023),
    "covariances[1,0,0]": (0.1349364, 0.015473, 0.00011, 0.00011),
    "covariances[1,1,0]": (0.06186025, 0.014301, 0.00011, 0.00011),
    "covariances[1,1,1]": (0.2012366, 0.0224413, 0.00015, 0.00017),
}


class Bowl:
    """A standard normal density that remembers where it was asked."""

    n_dim = 3

    def __init__(self, delay=0.0):
        self.delay = delay
        self.asked = []

    def value_and_grad(self, x):
        time.sleep(self.delay)
        self.asked.append(tuple(x))
        return -0.5 * float(x @ x), -x


def faithful_density():
    X = np.loadtxt(files("bayesgmm.datasets") / "faithful.csv", delimiter=",", skiprows=1)[:, -2:]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    priors = p.Priors(
        weights=p.Dirichlet(1.0),
        means=p.Normal(0.0, 2.5),
        scales=p.HalfNormal(1.0),
        correlations=p.LKJ(2.0),
    )
    return Density(X, 2, "full", priors)


def faithful_starts(density, chains):
    start = density.pack(
        np.array([0.36, 0.64]),
        np.array([[-1.27, -1.21], [0.70, 0.67]]),
        np.array([[[0.24, 0.0], [0.13, 0.42]], [[0.37, 0.0], [0.17, 0.41]]]),
    )
    return start + 0.05 * np.random.default_rng(3).normal(size=(chains, density.n_dim))


def relabelled(mixture):
    """Put the component of shorter eruptions first, and name every parameter."""
    order = np.argsort(mixture.means[..., 0], axis=-1)
    parts = {
        "weights": mixture.weights,
        "means": mixture.means,
        "sds": mixture.scales,
        "corr": mixture.correlations_cholesky[..., 1, 0],
        "covariances": mixture.cholesky @ mixture.cholesky.mT,
    }
    named = {}
    for name, values in parts.items():
        index = order.reshape(order.shape + (1,) * (values.ndim - order.ndim))
        values = np.take_along_axis(values, index, axis=2)
        for place in np.ndindex(values.shape[2:]):
            named[f"{name}[{','.join(map(str, place))}]"] = values[(..., *place)]
    return named


@pytest.fixture(scope="module")
def faithful_draws():
    density = faithful_density()
    result = sample(density, faithful_starts(density, 4), cores=2, random_seed=1, progressbar=False)
    return result, relabelled(density.unpack(result.unconstrained))


def test_posterior_of_faithful_is_numpyros(faithful_draws):
    _, named = faithful_draws
    assert set(NUMPYRO) <= set(named)
    for name, (mean, sd, mcse_mean, mcse_sd) in NUMPYRO.items():
        draws = named[name]
        error = np.hypot(array_stats.mcse(draws, method="mean"), mcse_mean)
        assert abs(draws.mean() - mean) < 4 * error, name
        error = np.hypot(array_stats.mcse(draws, method="sd"), mcse_sd)
        assert abs(draws.std(ddof=1) - sd) < 4 * error, name


def test_chains_of_faithful_mix(faithful_draws):
    result, named = faithful_draws
    assert not result.stats["diverging"].any()
    for name, draws in named.items():
        assert array_stats.rhat(draws) < 1.01, name


def test_statistics_have_pymcs_names_and_one_number_a_draw(faithful_draws):
    result, _ = faithful_draws
    names = "diverging energy tree_depth step_size acceptance_rate n_steps lp"
    assert set(names.split()) <= set(result.stats)
    assert all(values.shape == (4, 1000) for values in result.stats.values())
    density = faithful_density()
    lp = density.value_and_grad(result.unconstrained[2, 7])[0]
    np.testing.assert_allclose(result.stats["lp"][2, 7], lp, rtol=1e-12)


def test_the_same_seed_gives_the_same_draws_however_many_cores():
    density = faithful_density()
    starts = faithful_starts(density, 3)
    settings = {"draws": 50, "tune": 50, "progressbar": False}
    first = sample(density, starts, cores=1, random_seed=7, **settings)
    again = sample(density, starts, cores=3, random_seed=7, **settings)
    other = sample(density, starts, cores=1, random_seed=8, **settings)
    np.testing.assert_array_equal(first.unconstrained, again.unconstrained)
    assert (first.unconstrained != other.unconstrained).any()


def test_both_routes_give_the_same_draws(monkeypatch):
    density = faithful_density()
    starts = faithful_starts(density, 2)
    found = []
    for known in (nuts._READ, set()):
        monkeypatch.setattr(nuts, "_READ", known)
        found.append(sample(density, starts, draws=60, tune=60, random_seed=7, progressbar=False))
    native, python = found
    assert (native.route, python.route) == ("native", "python")
    np.testing.assert_array_equal(native.unconstrained, python.unconstrained)
    for name, values in native.stats.items():
        np.testing.assert_array_equal(values, python.stats[name])


def test_the_python_route_is_taken_where_the_native_one_might_crash(monkeypatch):
    density = faithful_density()
    assert nuts.route_for(density) == "native"
    assert nuts.route_for(Bowl()) == "python"
    with monkeypatch.context() as patch:
        patch.setattr(nuts, "_NEEDED", (*nuts._NEEDED, "Removed"))
        assert nuts.route_for(density) == "python"
    monkeypatch.setattr(nuts, "_READ", {"0.1"})
    assert nuts.route_for(density) == "python"


def test_chains_from_one_start_go_different_ways():
    draws = sample(Bowl(), np.ones((2, 3)), draws=5, tune=5, random_seed=1, progressbar=False)
    assert (draws.unconstrained[0] != draws.unconstrained[1]).any()


def test_each_chain_starts_where_it_is_told():
    density = Bowl()
    starts = np.random.default_rng(4).normal(size=(3, 3))
    sample(density, starts, draws=1, tune=1, random_seed=1, progressbar=False)
    # Once when the starts are checked, and then by the chain itself, which asks there first.
    checks, moves = density.asked[:3], density.asked[3:]
    assert checks == list(map(tuple, starts))
    where = [moves.index(tuple(start)) for start in starts]
    assert where == sorted(where)
    assert where[0] == 0


def test_starts_without_density_or_of_wrong_shape_are_refused():
    density = faithful_density()
    starts = faithful_starts(density, 2)
    with pytest.raises(InputError, match="shape"):
        sample(density, starts[0], progressbar=False)
    starts[1] = 1e200
    with pytest.raises(InputError, match="zero at the start of chain 1"):
        sample(density, starts, progressbar=False)
    with pytest.raises(InputError, match="stationary"):
        sample(Bowl(), np.array([[1.0, 0.0, 1.0]]), progressbar=False)


def test_an_error_in_the_density_ends_the_sampling():
    class Broken(Bowl):
        def value_and_grad(self, x):
            if len(self.asked) > 20:
                raise ZeroDivisionError("no")
            return super().value_and_grad(x)

    with pytest.raises(FitError, match="chain 0"):
        sample(Broken(), np.ones((2, 3)), random_seed=1, progressbar=False)


@pytest.fixture
def interruptible():
    """Python's own answer to Ctrl-C, which a shell withholds from what runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupting_does_not_hang():
    threading.Timer(1.0, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sample(
            Bowl(0.005), np.ones((4, 3)), draws=10_000, cores=2, random_seed=1, progressbar=False
        )
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("route", ["native", "python"])
def test_interrupting_keeps_the_draws_that_every_chain_has(route, capsys):
    density = faithful_density() if route == "native" else Bowl(1e-4)
    starts = np.ones((3, 3)) if route == "python" else faithful_starts(density, 3)
    settings = {"tune": 20, "cores": 3, "random_seed": 1, "progressbar": False}
    whole = sample(density, starts, draws=30, **settings)
    threading.Timer(2.0, _thread.interrupt_main).start()
    found = sample(density, starts, draws=1_000_000, **settings)
    kept = found.unconstrained.shape[1]
    assert f"interrupted; kept the {kept} of 1000000 draws" in capsys.readouterr().err
    assert found.route == route
    assert 30 < kept < 1_000_000
    np.testing.assert_array_equal(found.unconstrained[:, :30], whole.unconstrained)
    assert all(values.shape == (3, kept) for values in found.stats.values())


@pytest.mark.parametrize("show", [True, False])
def test_progress_is_shown_if_wanted(show, capsys):
    sample(Bowl(), np.ones((2, 3)), draws=20, tune=20, random_seed=1, progressbar=show)
    out, err = capsys.readouterr()
    assert ("80/80 draws" in out + err) == show
    assert show or not out + err


def test_importing_the_sampler_does_not_import_nutpie():
    code = "import bayesgmm.bayes.nuts, sys; sys.exit('nutpie' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
