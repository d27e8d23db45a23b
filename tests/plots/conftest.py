"""Pictures are drawn without a screen, and put away after each test."""

from __future__ import annotations

import matplotlib as mpl
import pytest

import bayesgmm as bg

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="session")
def iris_fits():
    """EM and a short posterior of four features, of which a picture shows two."""
    rows = bg.load_dataset("iris").drop(columns="species")
    em = bg.fit_em(rows, 2, random_seed=1)
    return em, _short(rows, em)


@pytest.fixture(scope="session")
def galaxies_fits():
    """EM and a short posterior of one feature."""
    rows = bg.load_dataset("galaxies")
    em = bg.fit_em(rows, 3, random_seed=1)
    return em, _short(rows, em)


def _short(rows, em):
    settings = {"chains": 2, "draws": 100, "tune": 200, "random_seed": 1, "progressbar": False}
    return bg.fit_bayes(rows, em.n_components, start=em, **settings)
