"""The command: what it prints, what it leaves, and how it fails."""

from __future__ import annotations

import json
import re
import shlex
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from command import TINY, assert_error, run, told

import bayesgmm as bg


def table_file(folder, frame, name="mine.csv"):
    path = folder / name
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(6, 1, (40, 2))])
    return pd.DataFrame(values, columns=["a", "b"]).assign(name="someone")


def test_main_job_leaves_what_it_promises(main_job):
    result, out = main_job
    assert result.exit_code == 0, result.output
    names = ["bayes.nc", "comparison.csv", "comparison.png", "em.nc", "report.html"]
    assert sorted(path.name for path in out.iterdir()) == names
    for name in names:
        assert str(out / name) in result.stdout


def test_written_fits_are_the_written_table(main_job):
    _, out = main_job
    em, bayes = bg.load(out / "em.nc"), bg.load(out / "bayes.nc")
    written = pd.read_csv(out / "comparison.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, bg.compare(em, bayes))
    assert bayes.settings["random_seed"] == em.settings["random_seed"] == 1


def test_picture_is_a_png_of_some_size(main_job):
    picture = (main_job[1] / "comparison.png").read_bytes()
    width, height = (int.from_bytes(picture[i : i + 4]) for i in (16, 20))
    assert picture.startswith(b"\x89PNG")
    assert width > 1000
    assert height > 700


def test_table_shows_both_fits_within_100_columns(main_job):
    lines = main_job[0].stdout.splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("s.e.:"))]
    assert max(map(len, table)) <= 100
    assert [line for line in table if "EM" in line and "s.e." in line and "shift" in line]
    means = [line.split() for line in table if line.strip().startswith("mean eruptions")]
    assert [row[2] for row in means] == ["2.036", "4.290"]  # EM's, the published values


def test_headlines_and_verdict_are_printed(main_job):
    stdout = " ".join(main_job[0].stdout.split())
    assert "EM fit of 2 full Gaussian components to 272 rows" in stdout
    assert "log-likelihood -1130.264" in stdout
    assert "Posterior of 2 full Gaussian components" in stdout
    assert "WARNING" in stdout or "nothing speaks against these draws" in stdout


def test_progress_goes_to_stderr(main_job):
    stages = [line for line in told(main_job[0]) if line.endswith("...")]
    assert [stage.split()[0] for stage in stages] == ["EM,", "NUTS,", "writing"]
    assert "done in" not in main_job[0].stdout


def test_constant_weight_of_one_component_has_no_diagnostics(tmp_path):
    result = run("compare", "galaxies", "-k", 1, "--out", tmp_path, *TINY)
    assert result.exit_code == 0, result.output
    weight = next(line for line in result.stdout.splitlines() if line.startswith("   weight"))
    assert weight.split() == ["weight", "1", "0", "1", "0", "1", "to", "1", "-", "-", "-"]
    assert "nan" not in result.stdout


def test_bad_posterior_is_called_so_even_when_quiet(tmp_path):
    few = ["--draws", "10", "--tune", "10", "--chains", "2", "--thin", "1", "--seed", "1"]
    result = run("compare", "galaxies", "-k", 4, "--quiet", "--out", tmp_path, *few)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert all(line.startswith("Warning: ") for line in told(result))
    assert "R-hat" in result.stderr
    assert "effective draws" in result.stderr


def test_columns_of_a_csv_can_be_chosen(tmp_path, frame):
    out = tmp_path / "out"
    path = table_file(tmp_path, frame)
    result = run("compare", path, "-k", 2, "--columns", "b, a", "--quiet", "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    assert bg.load(out / "em.nc").feature_names == ("b", "a")
    assert bg.load(out / "bayes.nc").data.n_rows == 80


def test_parquet_is_read(tmp_path, frame):
    path = tmp_path / "mine.parquet"
    frame[["a"]].to_parquet(path)
    options = ["--covariance-type", "spherical", "--quiet", "--out", tmp_path / "out"]
    result = run("compare", path, "-k", 2, *options, *TINY)
    assert result.exit_code == 0, result.output
    bayes = bg.load(tmp_path / "out" / "bayes.nc")
    assert bayes.covariance_type == "spherical"
    assert bayes.feature_names == ("a",)


def test_file_wins_over_data_set_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faithful").write_text("not a table")
    assert_error(run("compare", "faithful", "-k", 2), "only .csv and .parquet")


def test_labels_of_a_shipped_data_set_are_left_out_and_that_is_said(tmp_path):
    result = run("compare", "iris", "-k", 151, "--out", tmp_path)
    assert "column 'species' tells the groups and is left out" in result.stderr
    assert "150 rows of sepal_length, sepal_width, petal_length, petal_width" in result.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.csv", "there is no file"),
        ("some/where", "there is no file"),
        ("faithfull", "did you mean 'faithful'?"),
        ("xyzzy", "there are faithful, galaxies, iris, banknote, enzyme"),
        (".", "is a folder"),
    ],
)
def test_data_that_are_not_there(name, words):
    assert_error(run("compare", name, "-k", 2), words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot read"),
        ("a,b\n1,2\n3,4,5\n", "cannot read"),
        ("a,b\nx,y\n", "no column holds numbers; the columns are a, b"),
        (",a\n0,1.5\n1,2.5\n", "without a name, perhaps row numbers: choose with --columns from a"),
        ("a\n1\n\n3\n4\nnan\n", "column 'a' has 1 missing (NaN) value"),
        ("a,b\n1,1\n2,1\n3,1\n", "column 'b' is constant"),
        ("a\n", "no column holds numbers"),
        ("1.5,-2e3,1.5\n1,2,3\n4,5,6\n", "the first line holds numbers"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert_error(run("compare", path, "-k", 1, "--out", tmp_path / "out"), words)


def test_text_column_asks_for_a_choice(tmp_path, frame):
    path = table_file(tmp_path, frame)
    words = "column 'name' does not hold numbers: choose with --columns from a, b"
    assert_error(run("compare", path, "-k", 2), words)


def test_column_that_does_not_exist(tmp_path, frame):
    result = run("compare", table_file(tmp_path, frame), "-k", 2, "--columns", "a,c")
    assert_error(result, "there is no column 'c'; the columns are a, b, name")


def test_file_that_is_not_parquet(tmp_path):
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"nothing")
    assert_error(run("compare", path, "-k", 2), "cannot read")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, frame, monkeypatch):
    def without_pyarrow(path):
        raise ImportError("pyarrow")

    monkeypatch.setattr(pd, "read_parquet", without_pyarrow)
    path = tmp_path / "mine.parquet"
    frame.to_parquet(path)
    assert_error(run("compare", path, "-k", 2), "bayesgmm[parquet]")


def test_out_that_is_a_file(tmp_path):
    out = tmp_path / "out"
    out.touch()
    assert_error(run("compare", "faithful", "-k", 2, "--out", out), "is a file")
    assert_error(run("compare", "faithful", "-k", 2, "--out", out / "below"), "is a file")


def test_out_that_cannot_be_written(tmp_path):
    (tmp_path / "comparison.csv").mkdir()
    result = run("compare", "galaxies", "-k", 1, "--out", tmp_path, *TINY)
    assert_error(result, "comparison.csv", code=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-k", 0], "n_components must be at least 1"),
        (["-k", 273], "more than the 272 row(s)"),
        (["-k", 2, "--covariance-type", "round"], "'full', 'tied', 'diag', 'spherical'"),
    ],
)
def test_mixture_that_cannot_be_fitted(tmp_path, options, words):
    assert_error(run("compare", "faithful", "--out", tmp_path, *options), words)


@pytest.mark.parametrize(
    "option",
    [["--draws", 0], ["--tune", -1], ["--chains", 0], ["--target-accept", 1], ["--seed", -1]],
)
def test_setting_out_of_range_is_told_before_anything_runs(option):
    result = run("compare", "faithful", "-k", 2, *option)
    assert result.exit_code == 2
    assert option[0] in result.stderr
    assert "EM" not in result.stderr


def test_failed_fit_exits_with_one(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise bg.FitError("the sampler broke down:\n  try again")

    monkeypatch.setattr("bayesgmm.em.fit.fit_em", fail)
    result = run("compare", "faithful", "-k", 2, "--out", tmp_path)
    assert_error(result, "the sampler broke down: try again", code=1)


def test_warnings_of_a_fit_are_lines(tmp_path):
    rows = pd.DataFrame({"a": [0.0, 0.0, 1.0, 1.0, 2.0, 2.0], "b": [0.0, 1.0, 0.0, 1.0, 0.0, 3.0]})
    path = table_file(tmp_path, rows)
    out = tmp_path / "out"
    result = run("compare", path, "-k", 3, "--covariance-type", "diag", "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    assert "Warning: every maximum that EM found rests on components" in result.stderr


def several_modes(monkeypatch, em, bayes):
    """Let compare find these fits."""
    module = import_module("bayesgmm.cli.compare")
    monkeypatch.setattr(module, "_fit_both", lambda *_, **__: (em, bayes))


def test_several_modes_are_shown_one_beside_the_other(tmp_path, monkeypatch, fits, elsewhere):
    several_modes(monkeypatch, fits[0], elsewhere)
    result = run("compare", "faithful", "-k", 2, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for name in ("chain 0", "chain 1"):
        assert f"side by side: {name} alone, one of several modes" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if "mean eruptions" in line]
    shown = [float(row[4]) for row in rows]  # EM, s.e., then the posterior mean
    means = np.concatenate([mode.params.means[:, 0] for mode in elsewhere.modes])
    np.testing.assert_allclose(shown, means, atol=0.01)
    pooled = elsewhere.params.means[:, 0]
    assert not np.isclose(np.array(shown)[:, None], pooled, atol=0.5).any()


def test_written_table_of_several_modes_pools_nothing(tmp_path, monkeypatch, fits, elsewhere):
    several_modes(monkeypatch, fits[0], elsewhere)
    run("compare", "faithful", "-k", 2, "--quiet", "--out", tmp_path)
    written = pd.read_csv(tmp_path / "comparison.csv", keep_default_na=False, dtype={"chains": str})
    for chain, mode in enumerate(elsewhere.modes):
        own = written[written["chains"] == str(chain)].drop(columns="chains")
        expected = bg.compare(fits[0], mode)
        pd.testing.assert_frame_equal(own.reset_index(drop=True), expected)


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 3)])
def test_strict_exits_with_three_on_bad_draws(
    tmp_path, monkeypatch, fits, elsewhere, options, code
):
    several_modes(monkeypatch, fits[0], elsewhere)
    result = run("compare", "faithful", "-k", 2, "--quiet", "--out", tmp_path, *options)
    assert result.exit_code == code, result.output
    assert (tmp_path / "report.html").exists()


def test_json_is_the_table_in_full(tmp_path, monkeypatch, fits):
    em, bayes = fits
    several_modes(monkeypatch, em, bayes)
    result = run("compare", "faithful", "-k", 2, "--json", "--out", tmp_path)
    found = json.loads(result.stdout)
    assert found["em"]["log_likelihood"] == em.log_likelihood
    assert found["bayes"]["diagnostics"]["trustworthy"] == bayes.diagnostics.trustworthy
    (place,) = found["places"]
    assert place["chains"] == [0, 1]
    pd.testing.assert_frame_equal(
        pd.DataFrame(place["comparison"]), bg.compare(em, bayes), check_exact=True
    )
    assert all((tmp_path / name).exists() for name in found["files"])


def test_json_has_a_place_for_each_mode(tmp_path, monkeypatch, fits, elsewhere):
    several_modes(monkeypatch, fits[0], elsewhere)
    result = run("compare", "faithful", "-k", 2, "--json", "--quiet", "--out", tmp_path)
    found = json.loads(result.stdout)
    assert found["bayes"]["diagnostics"]["verdict"] == "several modes"
    assert [place["chains"] for place in found["places"]] == [[0], [1]]
    assert told(result)[0].startswith("Warning: several modes")


def test_what_is_not_known_is_null_in_json(tmp_path):
    result = run("compare", "galaxies", "-k", 1, "--json", "--quiet", "--out", tmp_path, *TINY)
    weight = json.loads(result.stdout)["places"][0]["comparison"][0]
    assert weight["parameter"] == "weight"
    assert weight["r_hat"] is None
    assert weight["mean"] == 1.0


def test_report_says_how_to_get_the_same_table(main_job, tmp_path):
    page = (main_job[1] / "report.html").read_text()
    command = re.search("<code>bayesgmm (.*?)</code>", page)[1]
    result = run(*shlex.split(command), "--quiet", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    one, other = (pd.read_csv(out / "comparison.csv") for out in (main_job[1], tmp_path))
    pd.testing.assert_frame_equal(one, other)


def test_dollars_in_a_column_name_are_no_formula(tmp_path, frame):
    renamed = frame[["a", "b"]].set_axis(["$\\bad$", "<b>&"], axis=1)
    path = table_file(tmp_path, renamed)
    result = run("compare", path, "-k", 2, "--quiet", "--out", tmp_path / "out", *TINY)
    assert result.exit_code == 0, result.output
