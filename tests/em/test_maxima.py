"""The best known maxima, and that the default settings reach them."""

import numpy as np
import pytest

import bayesgmm as bg

# Best known legitimate maxima (total natural log-likelihood, raw units), found by 100 random starts
# a case, mclust 6.0.0 and scikit-learn 1.9.1. In one dimension, full is mclust's V and tied its E.
BEST = [
    ("faithful", "full", 1, -1289.796745),
    ("faithful", "full", 2, -1130.26396),
    ("faithful", "full", 3, -1114.439873),
    ("faithful", "full", 4, -1106.030229),
    ("faithful", "tied", 1, -1289.796745),
    ("faithful", "tied", 2, -1140.186759),
    ("faithful", "tied", 3, -1126.315928),
    ("faithful", "tied", 4, -1120.828127),
    ("faithful", "diag", 1, -1516.705827),
    ("faithful", "diag", 2, -1147.806353),
    ("faithful", "diag", 3, -1127.007519),
    ("faithful", "diag", 4, -1112.880833),
    ("faithful", "spherical", 1, -2003.952037),
    ("faithful", "spherical", 2, -1709.529282),
    ("faithful", "spherical", 3, -1637.434418),
    ("faithful", "spherical", 4, -1569.409791),
    ("iris", "full", 1, -379.91463),
    ("iris", "full", 2, -214.354704),
    ("iris", "full", 3, -180.185477),
    ("iris", "tied", 1, -379.91463),
    ("iris", "tied", 2, -296.447575),
    ("iris", "tied", 3, -256.354043),
    ("iris", "tied", 4, -223.04864),
    ("iris", "diag", 1, -741.017535),
    ("iris", "diag", 2, -386.185347),
    ("iris", "diag", 3, -306.860461),
    ("iris", "diag", 4, -264.847566),
    ("iris", "spherical", 1, -889.516131),
    ("iris", "spherical", 2, -478.559096),
    ("iris", "spherical", 3, -384.314095),
    ("iris", "spherical", 4, -334.286077),
    ("galaxies", "full", 1, -240.416493),
    ("galaxies", "full", 2, -220.193144),
    ("galaxies", "full", 3, -203.48198),
    ("galaxies", "full", 4, -197.710311),
    ("galaxies", "tied", 1, -240.416493),
    ("galaxies", "tied", 2, -230.498669),
    ("galaxies", "tied", 3, -212.680226),
    ("galaxies", "tied", 4, -208.247131),
]


def numbers(name):
    return bg.load_dataset(name).select_dtypes("number")


@pytest.mark.parametrize(("name", "covariance_type", "n_components", "best"), BEST)
def test_default_settings_reach_the_best_known_maximum(name, covariance_type, n_components, best):
    fit = bg.fit_em(numbers(name), n_components, covariance_type=covariance_type, random_seed=0)
    assert fit.converged
    assert fit.sound
    assert fit.log_likelihood == pytest.approx(best, abs=1e-3)


def test_a_plateau_is_not_taken_for_the_top():
    # scikit-learn's default tolerance stops here at -1140.55
    fit = bg.fit_em(numbers("faithful"), 3, covariance_type="tied", random_seed=3)
    assert fit.log_likelihood > -1126.317


def test_one_component_is_the_sample_mean_and_covariance():
    X = numbers("iris").to_numpy()
    fit = bg.fit_em(X, 1)
    np.testing.assert_allclose(fit.params.means[0], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fit.params.covariances[0], np.cov(X.T, ddof=0), rtol=1e-10)
