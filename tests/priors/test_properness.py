"""When rows make a posterior improper: exponents by quadrature, and rows that are found."""

import numpy as np
import pytest
from scipy.special import logsumexp

from bayesgmm.priors import (
    LKJ,
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


def log_mass(log_t, m, prior, on_a_line):
    """Log integral, per unit of log t, of m rows whose correlation is 1 - t, over the scales.

    The mean has been averaged over. The rows are equal, or on the line on which the features
    are; then only ratios of the scales within sqrt(t) of one count.
    """
    t = np.exp(log_t)
    width = np.sqrt(t) if on_a_line else 1.0
    q = width * np.linspace(-60, 60, 4001)  # log ratio of the scales, whose product is one
    det = t * (2 - t)
    factor = np.array([[1.0, 0.0], [1 - t, np.sqrt(det)]])
    square = 4 * np.sinh(q / 2) ** 2 + 2 * t  # of (1, 1)' inverse(C) (1, 1), times det
    trace = m * square / det if on_a_line else 0.0 * q
    each = -(m - 1) / 2 * np.log(det) - trace / 2 + prior.logpdf_of_matrix(factor)
    return log_t + np.log(width) + logsumexp(each)


def exponent(m, prior, on_a_line, log_t=-18.0, step=1.0):
    """How the integral up to t vanishes (positive) or grows (negative) as t does."""
    ends = (log_mass(log_t + h, m, prior, on_a_line) for h in (-step, step))
    below, above = ends
    return (above - below) / (2 * step)


@pytest.mark.parametrize("eta", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("m", [2, 5, 6, 30])
@pytest.mark.parametrize(("on_a_line", "r"), [(False, 0), (True, 1)])
def test_lkj_alone_leaves_the_exponent_that_is_claimed(eta, m, on_a_line, r):
    """Finite only if ``m < 2 eta + 1 + r``."""
    expected = eta + r / 2 - (m - 1) / 2
    assert exponent(m, LKJ(eta), on_a_line) == pytest.approx(expected, abs=1e-3)
    assert (expected > 0) == (m < 2 * eta + 1 + r)


@pytest.mark.parametrize("on_a_line", [False, True])
def test_any_ridge_beats_any_number_of_rows(on_a_line):
    assert exponent(1000, LKJ(2.0, ridge=1e-3), on_a_line, log_t=-18.0) > 1e4


@pytest.mark.parametrize(
    "scales",
    [
        Variance(Gamma(2.0, 1.0)),
        Variance(HalfNormal(1.0)),
        Precision(HalfCauchy(1.0)),
        Precision(InverseGamma(1.5, 1.0)),
        Uniform(0.0, 2.0),
        Variance(Uniform(0.0, 2.0)),
        Gamma(2.5, 1.0),
    ],
    ids=repr,
)
def test_order_at_zero_is_the_power_of_the_density(scales):
    x = np.array([1e-6, 1e-5])
    slope = np.diff(scales.logpdf(x)) / np.diff(np.log(x))
    assert slope == pytest.approx(scales.order_at_zero, abs=1e-3)


@pytest.mark.parametrize(
    "scales",
    [
        Precision(Gamma(2.0, 1.0)),
        Precision(Exponential(1.0)),
        Precision(HalfNormal(1.0)),
        Precision(LogNormal(0.0, 1.0)),
        Precision(Uniform(0.0, 2.0)),
        Variance(InverseGamma(2.0, 1.0)),
        Variance(LogNormal(0.0, 1.0)),
        Uniform(0.1, 2.0),
        Fixed(1.0),
    ],
    ids=repr,
)
def test_what_falls_off_faster_than_every_power_has_no_warning(scales):
    assert scales.order_at_zero == np.inf
    priors = Priors(means=Normal(0, 1), scales=scales, correlations=LKJ(2, ridge=0.1))
    assert "warning" not in str(priors)


def rows(n=60, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def plain(scales=None, correlations=None):
    return Priors(
        means=Normal(0, 1),
        scales=scales or LogNormal(0, 1),
        correlations=correlations or LKJ(2.0),
    )


def test_rows_in_general_position_are_no_problem():
    assert plain(HalfNormal(1.0)).problems(rows(), 2) == ()


@pytest.mark.parametrize(("copies", "found"), [(4, False), (5, True)])
def test_equal_rows_are_found(copies, found):
    X = np.vstack([rows(), np.repeat(rows(1, seed=1), copies, axis=0)])
    problems = plain().problems(X, 2)
    assert any(f"{copies} rows are equal" in line for line in problems) == found
    assert plain(correlations=LKJ(2.0, ridge=0.01)).problems(X, 2) == ()
    assert plain().problems(X, 2, "diag") == plain().problems(X, 1) == ()


@pytest.mark.parametrize(("n", "found"), [(6, False), (7, True)])
def test_rows_on_an_oblique_plane_are_found(n, found):
    """The plane is a line of two of the three features; the third is free."""
    flat = rows(n, seed=1)
    flat[:, 2] = 1.5 - 0.25 * flat[:, 0]
    (line,) = plain().problems(np.vstack([rows(50), flat]), 2) or [""]
    assert (f"at least {n} rows lie on one line of x0 and x2" in line) == found


def test_rows_on_a_plane_along_the_axes_are_the_scales_own():
    X = rows()
    X[:20, 1] = 0.5
    assert plain().problems(X, 2) == ()
    (line,) = plain(Gamma(18.5, 1.0)).problems(X, 2)
    assert "20 rows tie in x1" in line
    assert plain(Gamma(19.5, 1.0)).problems(X, 2) == ()


def test_shared_scales_need_more():
    X = rows()
    X[:, 0] = X[:, 0] > 0
    assert "x0 has only 2 value(s)" in plain(HalfNormal(1.0)).problems(X, 2, "tied")[0]
    assert plain(HalfNormal(1.0)).problems(rows(), 2, "tied") == ()
    assert plain(HalfNormal(1.0)).problems(X, 2, "spherical") == ()
    X[1] = X[0]
    assert "2 rows are equal" in plain(HalfNormal(1.0)).problems(X, 2, "spherical")[0]


def test_the_default_has_no_problem_with_any_rows():
    X = np.round(np.vstack([rows(), np.repeat(rows(1), 100, axis=0)]), 1)
    for structure in ("full", "tied", "diag", "spherical"):
        assert Priors.weakly_informative(X, 3, structure).problems(X, 3, structure) == ()
