"""``bayesgmm diagnose``: the verdict on a saved posterior, in words and as an exit code."""

import json

import numpy as np
import pytest
from command import assert_error, run, told


@pytest.fixture(scope="module")
def saved(fits, elsewhere, tmp_path_factory):
    """A posterior of one place, and one of several, each in a file."""
    folder = tmp_path_factory.mktemp("saved")
    fits[1].save(folder / "one.nc")
    elsewhere.save(folder / "several.zarr")
    return folder


def test_exit_code_is_the_verdict(saved, fits):
    expected = 0 if fits[1].diagnostics.trustworthy else 3
    assert run("diagnose", saved / "one.nc").exit_code == expected
    assert run("diagnose", saved / "several.zarr").exit_code == 3


def test_good_draws_exit_with_zero(bayes, tmp_path):
    assert bayes.diagnostics.trustworthy
    bayes.save(tmp_path / "good.nc")
    result = run("diagnose", tmp_path / "good.nc")
    assert result.exit_code == 0
    assert "nothing speaks against" in result.stdout


def test_headline_and_label_free_table_are_printed(saved, fits):
    stdout = run("diagnose", saved / "one.nc").stdout
    for line in fits[1].headline():
        assert line.strip() in stdout
    table = fits[1].label_free_summary()
    for quantity, row in table.iterrows():
        line = next(x for x in stdout.splitlines() if x.strip().startswith(quantity + " "))
        r_hat = line.split()[-3]
        assert r_hat == (f"{row['r_hat']:.3f}" if np.isfinite(row["r_hat"]) else "-")


def test_several_modes_have_a_column_each(saved, elsewhere):
    stdout = run("diagnose", saved / "several.zarr").stdout
    assert "mean, chain 0" in " ".join(stdout.split())
    assert "mean, chain 1" in " ".join(stdout.split())
    line = next(x for x in stdout.splitlines() if x.strip().startswith("log-likelihood "))
    means = [mode.log_likelihood.mean() for mode in elsewhere.modes]
    np.testing.assert_allclose([float(x) for x in line.split()[1:3]], means, atol=0.1)


def test_json_is_the_diagnostics_in_full(saved, elsewhere):
    result = run("diagnose", saved / "several.zarr", "--json")
    found, expected = json.loads(result.stdout), elsewhere.diagnostics
    assert result.exit_code == 3
    assert found["diagnostics"]["verdict"] == "several modes"
    assert found["diagnostics"]["r_hat_label_free"] == expected.r_hat_label_free
    assert found["diagnostics"]["problems"] == list(expected.problems)
    assert [place["chains"] for place in found["places"]] == [[0], [1]]
    means = [row["mean"] for row in found["places"][1]["label_free"]]
    np.testing.assert_array_equal(means, elsewhere.modes[1].label_free_summary()["mean"])


def test_quiet_prints_warnings_only(saved):
    result = run("diagnose", saved / "several.zarr", "--quiet")
    assert result.stdout == ""
    assert told(result)[0].startswith("Warning: several modes")


def test_what_holds_no_posterior(main_job, tmp_path):
    assert_error(run("diagnose", main_job[1] / "em.nc"), "an EM fit, which has no draws")
    assert_error(run("diagnose", tmp_path / "none.nc"), "there is no such file")
    assert_error(run("diagnose", main_job[1] / "comparison.csv"), "'.nc' (netCDF) or '.zarr'")
