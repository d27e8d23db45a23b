"""Bad input is told in the user's words; good input is left as it is."""

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.mixture.data import as_data

GOOD = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)), columns=["width", "height"])


def with_value(value, row=7):
    X = GOOD.copy().astype(object)
    X.loc[row, "height"] = value
    return X


BAD_ROWS = [
    (with_value(np.nan), "'height' has 1 missing .* row 7"),
    (with_value(None), "'height' has 1 missing .* row 7"),
    (with_value(np.inf), "'height' has 1 infinite .* row 7"),
    (with_value("tall"), "'height' holds text .'tall' at row 7"),
    (GOOD.assign(kind="a"), "'kind' holds text"),
    (GOOD.assign(when=pd.Timestamp("2020-01-01")), "'when' holds"),
    (GOOD.assign(flat=3.5), "'flat' is constant .3.5"),
    (GOOD.assign(twice=2 * GOOD.width + GOOD.height), "'twice' is a linear combination"),
    (GOOD.iloc[:2], "2 distinct row.* cannot determine a full covariance"),
    (pd.DataFrame(np.ones((4, 2)), columns=["a", "a"]), "'a' occurs more than once"),
    (GOOD[[]], "no columns"),
    (GOOD.iloc[:0], "no rows"),
    (np.empty((5, 0)), "no columns"),
    (np.zeros((2, 2, 2)), "one or two dimensions"),
    (np.array(3.0), "one or two dimensions"),
    ([[1, 2], [3]], "same number of columns"),
    (np.array([[1j, 2], [3, 4]]), "complex"),
    (np.array([["a", "b"]]), "text"),
    (np.ma.masked_equal(GOOD.to_numpy(), GOOD.iloc[0, 0]), "masked"),
    (np.repeat([[1.0, 2.0]], 9, axis=0), "'x0' is constant"),
]


@pytest.mark.parametrize(("X", "message"), BAD_ROWS)
@pytest.mark.parametrize("fit", [bg.fit_em, bg.fit_bayes])
def test_bad_rows_are_named(fit, X, message):
    with pytest.raises(bg.InputError, match=message):
        fit(X, 2)


BAD_WEIGHTS = [
    (np.ones(29), r"shape \(30,\)"),
    (np.r_[-1.0, np.ones(29)], "row 0 has -1"),
    (np.r_[np.ones(29), np.nan], "row 29 has nan"),
    (np.zeros(30), "zero for every row"),
    (["a"] * 30, "sample_weight holds text"),
]


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(bg.InputError, match=message):
        bg.fit_em(GOOD, 2, sample_weight=weights)


BAD_ARGUMENTS = [
    ({"n_components": 0}, "at least 1, not 0"),
    ({"n_components": -2}, "at least 1, not -2"),
    ({"n_components": 2.0}, "whole number"),
    ({"n_components": 31}, "31 is more than the 30 row"),
    ({"covariance_type": "round"}, "'full', 'tied', 'diag', 'spherical'"),
    ({"start": bg.Params([1.0], [[0.0, 0.0]], [np.eye(2)])}, "start has 1 component"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
@pytest.mark.parametrize("fit", [bg.fit_em, bg.fit_bayes])
def test_bad_arguments_are_named(fit, arguments, message):
    with pytest.raises(bg.InputError, match=message):
        fit(GOOD, **({"n_components": 2} | arguments))


def test_more_components_than_distinct_rows_are_refused():
    X = np.repeat([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 3.0]], 5, axis=0)
    with pytest.raises(bg.InputError, match="5 is more than the 4 distinct"):
        bg.fit_em(X, 5)


def test_duplicate_rows_are_rows():
    X = np.repeat(GOOD.to_numpy(), 3, axis=0)
    assert bg.fit_em(X, 2, random_seed=0).data.n_rows == 90


def test_moments_do_not_mind_an_offset():
    far, near = as_data(GOOD.to_numpy() + 1e8), as_data(GOOD.to_numpy() + 1e8 - 1e8)
    np.testing.assert_allclose(far.moments()[1], near.moments()[1], rtol=1e-12)


@pytest.mark.parametrize("X", [np.arange(6), np.arange(6, dtype="float32"), list(range(6))])
def test_numbers_of_any_kind_become_float64(X):
    data = as_data(X)
    assert data.values.dtype == np.float64
    assert data.values.shape == (6, 1)


def test_nullable_columns_are_numbers():
    frame = pd.DataFrame({"a": pd.array([1, 2, 3], dtype="Int64")})
    np.testing.assert_array_equal(as_data(frame).values.ravel(), [1, 2, 3])
    frame.loc[1, "a"] = pd.NA
    with pytest.raises(bg.InputError, match="'a' has 1 missing"):
        as_data(frame)
