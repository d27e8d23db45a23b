"""The shipped data are the published ones."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.datasets import DATASETS, dataset_names, load_dataset
from bayesgmm.mixture.errors import InputError


@pytest.mark.parametrize("name", dataset_names())
def test_data_are_as_recorded(name):
    record, frame = DATASETS[name], load_dataset(name)
    labels = [record.label] if record.label else []
    assert list(frame.columns) == [*record.features, *labels]
    assert len(frame) == record.n_rows
    assert np.isfinite(frame[list(record.features)].to_numpy(dtype=float)).all()
    assert frame.select_dtypes("number").columns.tolist() == list(record.features)


@pytest.mark.parametrize("name", dataset_names())
def test_docstring_tells_the_size(name):
    rows, columns = load_dataset(name).shape
    assert f"{name} {rows} rows, {columns} column" in " ".join(load_dataset.__doc__.split())


@pytest.mark.parametrize(
    ("name", "shape"),
    [("faithful", (272, 2)), ("galaxies", (82, 1)), ("iris", (150, 5)), ("banknote", (200, 7))],
)
def test_shapes_are_the_published_ones(name, shape):
    assert load_dataset(name).shape == shape


def test_galaxies_have_no_misprint():
    velocities = load_dataset("galaxies")["velocity"].to_list()
    assert 26.960 in velocities
    assert 26.690 not in velocities


def test_faithful_has_the_known_means():
    means = load_dataset("faithful").mean()
    assert means["eruptions"] == pytest.approx(3.487783, abs=1e-6)
    assert means["waiting"] == pytest.approx(70.897059, abs=1e-6)


def test_iris_has_fifty_of_each_species():
    assert load_dataset("iris")["species"].value_counts().tolist() == [50, 50, 50]


def test_banknote_has_a_hundred_of_each_status():
    assert load_dataset("banknote")["Status"].value_counts().tolist() == [100, 100]


def test_a_loaded_frame_belongs_to_the_caller():
    mine = load_dataset("faithful")
    mine["waiting"] = 0.0
    assert load_dataset("faithful")["waiting"].min() > 0


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"'abalone' among faithful, galaxies, iris, banknote"):
        load_dataset("abalone")


def test_misspelt_name_is_guessed():
    with pytest.raises(InputError, match="did you mean 'faithful'"):
        load_dataset("Faithfull")
