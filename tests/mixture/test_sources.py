"""Data larger than comfort: shared, mapped, read piece by piece, and exactly the same numbers."""

import gc
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import bayesgmm as bg
from bayesgmm.mixture import data as data_module
from bayesgmm.mixture.data import Data, as_data, select_columns
from bayesgmm.mixture.likelihood import estep

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(500, 3)) * [1, 10, 100] + 50, columns=["a", "b", "c"])


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files go during a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def mapped(tmp_path, values):
    array = np.memmap(tmp_path / "rows", values.dtype, "w+", shape=values.shape)
    array[:] = values
    return array


def sweep(data):
    K, D = 3, data.n_features
    means = data.rows(0, K)
    return estep(data, np.full(K, 1 / K), means, 1.5 * np.tile(np.eye(D), (K, 1, 1)))


def assert_same_data(one, other):
    assert one.feature_names == other.feature_names
    np.testing.assert_array_equal(one.rows(), other.rows())
    for f, g in zip(one.moments(), other.moments(), strict=True):
        np.testing.assert_array_equal(f, g)
    np.testing.assert_array_equal(one.covariance(), other.covariance())
    for name, value in vars(sweep(one)).items():
        np.testing.assert_array_equal(value, vars(sweep(other))[name])


# Units


def test_standardised_rows_are_standardised_and_share_the_values():
    data = as_data(FRAME)
    shift, unit = data.moments()
    rows = data.standardised(shift, unit)
    assert rows.values is data.values
    np.testing.assert_allclose(rows.rows(3, 9), (data.values[3:9] - shift) / unit, rtol=4e-16)
    np.testing.assert_allclose(rows.moments()[0], 0, atol=1e-14)
    np.testing.assert_allclose(rows.moments()[1], 1, rtol=1e-14)
    again = rows.standardised(np.ones(3), np.full(3, 2.0))
    np.testing.assert_allclose(again.rows(), (rows.rows() - 1) / 2, rtol=1e-12, atol=1e-14)


def test_a_sweep_sees_the_rows_in_their_units():
    data = as_data(FRAME)
    rows = data.standardised(*data.moments())
    copied = as_data(rows.rows())
    for name, value in vars(sweep(rows)).items():
        np.testing.assert_array_equal(value, vars(sweep(copied))[name])


def test_taken_rows_keep_their_units_and_weights():
    weights = RNG.exponential(size=500)
    data = as_data(FRAME, weights).standardised(np.arange(3.0), np.arange(1.0, 4.0))
    some = data.take(np.array([7, 3, 499]))
    np.testing.assert_array_equal(some.rows(), data.rows()[[7, 3, 499]])
    np.testing.assert_array_equal(some.row_weights, weights[[7, 3, 499]])


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_piece_by_piece_are_those_of_all_rows(monkeypatch, weighted):
    weights = RNG.exponential(size=500) if weighted else None
    monkeypatch.setattr(data_module, "_CHUNK", 100)
    data, X = as_data(FRAME, weights), FRAME.to_numpy()
    mean = np.average(X, axis=0, weights=weights)
    np.testing.assert_allclose(data.moments()[0], mean, rtol=1e-13)
    oracle = np.cov(X, rowvar=False, ddof=0, aweights=weights)
    np.testing.assert_allclose(data.covariance(), oracle, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(data.moments()[1], np.sqrt(np.diagonal(oracle)), rtol=1e-12)


def test_distinct_rows_are_counted_across_pieces_where_they_weigh(monkeypatch):
    monkeypatch.setattr(data_module, "_CHUNK", 8)
    X = np.tile([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], (20, 1))
    assert as_data(X).count_distinct_rows(enough=50) == 3
    assert as_data(X, np.tile([1, 0, 1], 20)).count_distinct_rows(enough=50) == 2
    assert as_data(X).count_distinct_rows(enough=2) >= 2


# Single precision


@pytest.mark.parametrize("D", [1, 2, 5, 17])
def test_single_precision_is_the_same_numbers(tmp_path, D):
    X = RNG.normal(size=(3000, D)).astype(np.float32)
    single, double = as_data(mapped(tmp_path, X)), as_data(X.astype(np.float64))
    assert single.values.dtype == np.float32
    assert_same_data(single, double)
    units = np.full(D, 0.3), np.full(D, 1.7)
    assert_same_data(single.standardised(*units), double.standardised(*units))


# What is shared and what is copied


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mapped_file_is_not_copied(tmp_path, dtype):
    array = mapped(tmp_path, FRAME.to_numpy(dtype))
    for X in (array, array[100:], np.asarray(array)):
        assert np.shares_memory(as_data(X).values, array)


def test_a_small_array_is_copied_and_a_large_one_shared(monkeypatch):
    X = FRAME.to_numpy().copy()
    data = as_data(X)
    X[0, 0] = 1e6
    assert data.values[0, 0] != 1e6
    monkeypatch.setattr(data_module, "_LARGE", X.nbytes - 1)
    assert np.shares_memory(as_data(X).values, X)
    assert as_data(X.astype(np.float32)).values.dtype == np.float64
    np.testing.assert_array_equal(as_data(np.asfortranarray(X)).rows(), X)


def test_checks_look_at_every_piece(monkeypatch):
    monkeypatch.setattr(data_module, "_CHUNK", 100)
    X = FRAME.copy()
    X.loc[[321, 400], "b"] = np.nan
    with pytest.raises(bg.InputError, match=r"'b' has 2 missing .* first at row 321"):
        as_data(X)


# Parquet and batches


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.Table.from_pandas(FRAME, preserve_index=False), path, row_group_size=64)
    return path


def batches(X=FRAME, size=64):
    return (X[i : i + size] for i in range(0, len(X), size))


def test_a_file_and_batches_are_the_frame(file, temporary):
    for X in (file, str(file), batches(), (pa.table(dict(b)) for b in batches())):
        assert_same_data(as_data(X), as_data(FRAME))
    arrays = as_data(batches(FRAME.to_numpy()))
    assert_same_data(arrays, as_data(FRAME.to_numpy()))


def test_batches_of_single_precision_stay_so(temporary):
    X = FRAME.to_numpy(np.float32)
    assert as_data(batches(X)).values.dtype == np.float32
    assert_same_data(as_data(batches(X)), as_data(X))


def test_columns_of_files_and_batches_are_found_by_name(file, temporary):
    expected = as_data(FRAME[["c", "a"]])
    assert_same_data(as_data(select_columns(file, ["c", "a"])), expected)
    assert_same_data(as_data(select_columns(batches(), ["c", "a"])), expected)
    with pytest.raises(bg.InputError, match="no column 'd'"):
        as_data(select_columns(file, ["a", "d"]))


def test_the_temporary_file_lives_as_long_as_its_rows(temporary):
    data = as_data(batches())
    rows = data.standardised(*data.moments())
    del data
    gc.collect()
    assert len(list(temporary.iterdir())) == 1
    del rows
    gc.collect()
    assert not list(temporary.iterdir())


BAD_BATCHES = [
    ([FRAME[:5], FRAME[["a", "c", "b"]]], r"batch 1 has .*\(a, c, b\), but batch 0 .*\(a, b, c\)"),
    ([FRAME[:5], FRAME[["a"]]], r"batch 1 has 1 column.*but batch 0 has 3"),
    ([FRAME[:5], FRAME[:5].astype("float32")], "batch 1 has .* of float32"),
    ([FRAME[:5], FRAME[5:9].assign(b="tall")], "'b' holds text .'tall' at row 5"),
    ([FRAME[:5], FRAME[5:9].assign(b=[1, 2, np.nan, 4])], "'b' has 1 missing .* row 7"),
    ([FRAME[:0]], "no rows"),
    ([], "no rows"),
    ([FRAME[[]]], "no columns"),
]


@pytest.mark.parametrize(("parts", "message"), BAD_BATCHES)
def test_bad_batches_are_named_and_leave_nothing_behind(parts, message, temporary):
    with pytest.raises(bg.InputError, match=message):
        as_data(iter(parts))
    gc.collect()
    assert not list(temporary.iterdir())


def test_a_path_must_be_a_parquet_file(tmp_path, monkeypatch, file):
    wrong = tmp_path / "text.parquet"
    wrong.write_text("no such thing")
    for path, message in [
        ("rows.csv", "must end in '.parquet'"),
        (tmp_path / "none.parquet", "cannot read"),
        (wrong, "cannot read"),
    ]:
        with pytest.raises(bg.InputError, match=message):
            as_data(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(bg.InputError, match="need pyarrow"):
        as_data(file)


def test_predictions_take_what_fits_take(file, temporary):
    data = as_data(FRAME)
    fit = bg.fit_em(data, 2, n_starts=1, random_seed=1, progressbar=False)
    expected = fit.predict_proba(FRAME)
    for X in (None, file, batches(), batches(FRAME[["c", "b", "a"]])):
        np.testing.assert_array_equal(fit.predict_proba(X), expected)


def test_rows_too_many_to_label_are_refused():
    from bayesgmm.results.labelled import observed_dataset

    many = Data(np.broadcast_to(np.float32(0), (2**28, 2)), ("a", "b"), np.empty(0))
    with pytest.raises(bg.InputError, match=r"4\.0 GiB"):
        observed_dataset(many)
