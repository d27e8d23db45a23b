"""Two small fits, and a posterior whose last chain is somewhere else."""

from dataclasses import replace

import pytest

import bayesgmm as bg


@pytest.fixture(scope="session")
def small(em):
    faithful = bg.load_dataset("faithful")
    options = {"draws": 200, "tune": 300, "chains": 3, "thin": 1, "progressbar": False}
    return bg.fit_bayes(faithful, 2, start=em, random_seed=1, **options)


@pytest.fixture(scope="session")
def elsewhere(small):
    moved, lower = small.draws.means.copy(), small.log_likelihood.copy()
    moved[2] += 3.0
    lower[2] -= 20.0
    return replace(small, draws=small.draws._replace(means=moved), log_likelihood=lower)
