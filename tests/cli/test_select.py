"""``bayesgmm select``: what it prints, what it leaves, and how it fails."""

import json

import numpy as np
import pandas as pd
import pytest
from command import assert_error, run, told

import bayesgmm as bg

FEW = ["-k", "1:3", "--covariance-types", "spherical, tied", "--seed", 1]


@pytest.fixture(scope="module")
def selected(tmp_path_factory):
    out = tmp_path_factory.mktemp("selected")
    return run("select", "faithful", *FEW, "--out", out), out


@pytest.fixture(scope="module")
def selection(faithful):
    types = ["spherical", "tied"]
    return bg.select(faithful, range(1, 4), covariance_types=types, random_seed=1)


def test_written_table_is_that_of_select(selected, selection):
    result, out = selected
    assert result.exit_code == 0, result.output
    written = pd.read_csv(out / "selection.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, selection.table)
    assert (out / "selection.png").read_bytes().startswith(b"\x89PNG")


def test_printed_table_is_ranked(selected, selection):
    lines = selected[0].stdout.splitlines()
    ranks = [line.split() for line in lines if line.split()[:1] and line.split()[0].isdigit()]
    assert [row[0] for row in ranks] == [str(i + 1) for i in range(len(ranks))]
    behind = [float(row[-1]) for row in ranks]
    assert behind == sorted(behind)
    assert behind[0] == 0
    assert int(ranks[0][1]) == selection.best.n_components
    assert max(map(len, lines[: lines.index(next(x for x in lines if "Selection by" in x))])) <= 100


def test_words_and_files_are_printed(selected, selection):
    result, out = selected
    for line in selection.headline():
        assert line.strip() in result.stdout
    assert str(out / "selection.csv") in result.stdout
    assert [line.split()[0] for line in told(result) if line.endswith("...")] == [
        "selection,",
        "writing",
    ]


def test_json_has_every_candidate_in_full(tmp_path, selection):
    result = run("select", "faithful", *FEW, "--json", "--out", tmp_path)
    found = json.loads(result.stdout)
    assert found["best"]["bic"] == selection.best.bic
    pd.testing.assert_frame_equal(
        pd.DataFrame(found["candidates"]), selection.table, check_exact=True
    )


def test_unscored_candidates_are_null_in_json(tmp_path):
    rows = pd.DataFrame(np.random.default_rng(3).normal(size=(8, 2)), columns=["a", "b"])
    path = tmp_path / "few.csv"
    rows.to_csv(path, index=False)
    options = ["-k", "1,9", "--covariance-types", "spherical", "--quiet", "--json"]
    result = run("select", path, *options, "--out", tmp_path)
    found = json.loads(result.stdout)
    assert [row["bic"] is None for row in found["candidates"]] == [False, True]


def test_quiet_prints_warnings_only(tmp_path):
    options = ["-k", "1:2", "--covariance-types", "tied", "--quiet", "--out", tmp_path]
    result = run("select", "faithful", *options)
    assert result.stdout == ""
    assert told(result) == ["Warning: the best has the most components of those tried: try more"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-k", "1-9"], "write 1:9 for one to nine, or 2,3,5"),
        (["-k", "5:2"], "write 2:5"),
        (["-k", ""], "not understood"),
        (["-k", "0:2"], "at least 1"),
        (["-k", "2", "--criterion", "hic"], "'bic', 'icl' or 'aic'"),
        (["-k", "2", "--covariance-types", "full,round"], "round"),
    ],
)
def test_what_cannot_be_selected(tmp_path, options, words):
    assert_error(run("select", "faithful", "--out", tmp_path, *options), words)
