"""The command as a whole: help, version, start-up."""

import subprocess
import sys

import pytest
from command import run

import bayesgmm as bg


@pytest.mark.parametrize("command", ["compare", "select", "diagnose", "datasets"])
def test_help_has_examples_and_exit_codes(command):
    words = " ".join(run(command, "--help").stdout.split())
    assert "For example:" in words
    assert f"bayesgmm {command}" in words.partition("For example:")[2]
    assert "Exit codes: 0 all is well; 1 the fit or the disk failed; 2" in words


def test_datasets_are_listed():
    result = run("datasets")
    assert result.exit_code == 0
    for name in ("faithful", "galaxies", "iris", "banknote", "enzyme"):
        assert name in result.stdout


def test_version():
    assert run("--version").stdout == f"bayesgmm {bg.__version__}\n"


def test_help_needs_nothing_heavy():
    program = (
        "import sys; from typer.testing import CliRunner; from bayesgmm.cli import app;"
        "assert CliRunner().invoke(app, ['compare', '--help']).exit_code == 0;"
        "assert CliRunner().invoke(app, ['compare', 'nowhere.csv', '-k', '2']).exit_code == 2;"
        "heavy = {'numba', 'pandas', 'xarray', 'pymc', 'arviz', 'matplotlib', 'nutpie'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_module_is_the_command():
    command = [sys.executable, "-m", "bayesgmm", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"bayesgmm {bg.__version__}\n", done.stderr
