"""The command, run inside the test."""

from typer.testing import CliRunner

from bayesgmm.cli import app

TINY = ["--draws", "100", "--tune", "200", "--chains", "2", "--thin", "1", "--seed", "1"]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def told(result):
    """Lines on stderr, less the one that announces a compilation once per installation."""
    return [line for line in result.stderr.splitlines() if not line.startswith("bayesgmm: ")]


def assert_error(result, *words, code=2):
    """Check for one line of error on stderr, the right exit code, and no traceback."""
    assert result.exit_code == code, result.output
    errors = [line for line in told(result) if line.startswith("Error: ")]
    assert errors == told(result)[-1:]
    last = errors[0]
    assert "Traceback" not in result.output
    for word in words:
        assert word in last
