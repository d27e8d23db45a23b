"""One run of the command that many tests look at."""

from dataclasses import replace

import pytest
from command import TINY, run

import bayesgmm as bg


@pytest.fixture(scope="session")
def main_job(tmp_path_factory):
    out = tmp_path_factory.mktemp("main") / "below" / "out"
    return run("compare", "faithful", "-k", 2, "--out", out, *TINY), out


@pytest.fixture(scope="session")
def fits(main_job):
    out = main_job[1]
    return bg.load(out / "em.nc"), bg.load(out / "bayes.nc")


@pytest.fixture(scope="session")
def elsewhere(fits):
    """The posterior, with the second chain somewhere else."""
    bayes = fits[1]
    moved, lower = bayes.draws.means.copy(), bayes.log_likelihood.copy()
    moved[1] += 3.0
    lower[1] -= 20.0
    return replace(bayes, draws=bayes.draws._replace(means=moved), log_likelihood=lower)
