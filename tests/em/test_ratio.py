"""The likelihood-ratio test for one component more."""

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.em.ratio import RatioTest, halved

RNG = np.random.default_rng(11)
BELL = RNG.normal(10, 2, 120)
PAIR = np.concatenate([RNG.normal(0, 1, 60), RNG.normal(6, 1, 60)])


def ratio(rows, n=19, n_components=1, **options):
    em = bg.fit_em(rows, n_components, random_seed=0)
    settings = {"n_starts": 4, "random_seed": 1, "progressbar": False} | options
    return em.likelihood_ratio_test(n, **settings)


@pytest.fixture(scope="module")
def of_bell():
    return ratio(BELL)


@pytest.fixture(scope="module")
def of_pair():
    return ratio(PAIR)


def test_two_components_are_found_to_be_more_than_one(of_pair):
    assert of_pair.p_value == 1 / 20
    assert of_pair.statistic > 2 * of_pair.null.max()
    assert "rare if 1 are enough" in repr(of_pair)


def test_one_component_is_found_to_be_enough(of_bell):
    assert of_bell.p_value > 0.1
    assert "nothing here says that 1 are too few" in of_bell._repr_html_()


def test_the_statistic_is_twice_the_gain_and_never_negative(of_bell, of_pair):
    for test in (of_bell, of_pair):
        gain = test.alternative.log_likelihood - test.fit.log_likelihood
        assert test.statistic == pytest.approx(2 * gain)
        assert test.alternative.n_components == test.fit.n_components + 1
        assert (test.null >= 0).all()
        assert len(test.null) + test.n_failed == 19


def test_p_value_counts_the_rows_themselves(of_bell):
    test = replace(of_bell, statistic=2.0, null=np.array([0.0, 1.0, 2.0, 3.0]))
    assert test.p_value == 3 / 5
    assert replace(test, statistic=9.0).p_value == 1 / 5


def test_the_test_is_the_same_on_any_cores_and_in_any_units(of_pair):
    for again in (ratio(PAIR, 3, cores=2), ratio(1e6 + 1e3 * PAIR, 3, cores=1)):
        assert isinstance(again, RatioTest)
        assert again.statistic == pytest.approx(of_pair.statistic, abs=1e-4)
        np.testing.assert_allclose(again.null, of_pair.null[:3], atol=1e-4)


def test_a_row_of_weight_two_is_two_rows():
    em = bg.fit_em(PAIR, 1, sample_weight=np.full(len(PAIR), 2.0), random_seed=0)
    of_weights = em.likelihood_ratio_test(3, n_starts=4, random_seed=1, progressbar=False)
    of_rows = ratio(np.repeat(PAIR, 2), 3)
    assert of_weights.statistic == pytest.approx(of_rows.statistic, abs=1e-4)
    np.testing.assert_allclose(of_weights.null, of_rows.null, atol=1e-3)


def test_halves_together_are_the_whole():
    faithful = bg.load_dataset("faithful")
    params = bg.fit_em(faithful, 2, random_seed=0).params
    for k, found in enumerate(halved(params)):
        halves, rest = [k, 2], [1 - k]
        assert found.weights[halves].tolist() == [params.weights[k] / 2] * 2
        np.testing.assert_allclose(found.means[halves].mean(axis=0), params.means[k])
        about = found.means[halves] - params.means[k]
        between = np.einsum("kd,ke->de", about, about) / 2
        whole = found.covariances[halves].mean(axis=0) + between
        np.testing.assert_allclose(whole, params.covariances[k])
        np.testing.assert_array_equal(found.means[rest], params.means[rest])


def test_what_cannot_be_tested_is_named():
    em = bg.fit_em(PAIR, 1, random_seed=0)
    with pytest.raises(bg.InputError, match="at least 1 sample, not 0"):
        em.likelihood_ratio_test(0)
    with pytest.raises(bg.InputError, match="n_starts must be at least 1"):
        em.likelihood_ratio_test(9, n_starts=0)
    priors = bg.Priors(means=bg.priors.Normal(0, 1), scales=bg.priors.LogNormal(0, 1))
    with pytest.raises(bg.InputError, match="has priors"):
        replace(em, priors=priors).likelihood_ratio_test(9)
