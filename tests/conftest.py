"""Fits that many tests look at."""

import pytest

import bayesgmm as bg


@pytest.fixture(scope="session")
def faithful():
    return bg.load_dataset("faithful")


@pytest.fixture(scope="session")
def em(faithful):
    return bg.fit_em(faithful, 2, random_seed=1)


@pytest.fixture(scope="session")
def bayes(faithful):
    """Four chains of a thousand draws, with default settings."""
    return bg.fit_bayes(faithful, 2, random_seed=1, progressbar=False)
