"""A similarity matrix is drawn as it is, but for the order of its rows."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import bayesgmm as bg


@pytest.fixture
def matrix():
    """Similarities of rows of two clusters, in a random order."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet([0.3, 0.3], size=(50, 12))
    similar = np.einsum("sik,sjk->ij", shares, shares) / 50
    np.fill_diagonal(similar, 1.0)
    return similar


LABELS = np.array([7, 3, 3, 7, 3, 7, 7, 7, 3, 7, 7, 3])


def test_it_is_the_matrix_in_the_order_of_the_clusters(matrix):
    ax = bg.plot_similarity(matrix, LABELS)
    drawn = ax.images[0].get_array()
    np.testing.assert_allclose(drawn, drawn.T)
    for size, label, begin in ((5, 3, 0), (7, 7, 5)):
        block = drawn[begin : begin + size, begin : begin + size]
        mine = matrix[np.ix_(label == LABELS, label == LABELS)]
        np.testing.assert_allclose(np.sort(block.ravel()), np.sort(mine.ravel()))
        assert np.diff(block.sum(axis=1)).max() <= 1e-12  # the surest of them first


def test_clusters_are_parted_by_lines_and_named(matrix):
    ax = bg.plot_similarity(matrix, LABELS)
    assert {tuple(line.get_xdata()) for line in ax.lines} >= {(4.5, 4.5)}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["3\n(5)", "7\n(7)"]
    np.testing.assert_allclose(ax.get_xticks(), [2, 8])


def test_shades_go_from_white_to_black(matrix):
    image = bg.plot_similarity(matrix, LABELS).images[0]
    assert image.get_clim() == (0, 1)
    white, black = image.cmap([0.0, 1.0])[:, :3]
    assert white.min() == pytest.approx(1)
    assert black.max() < 0.05


def test_it_draws_where_it_is_told(matrix):
    ax = plt.subplots()[1]
    assert bg.plot_similarity(matrix, LABELS, ax=ax) is ax


def test_bad_matrices_are_told(matrix):
    with pytest.raises(bg.InputError, match=r"labels \(N,\)"):
        bg.plot_similarity(matrix, LABELS[:-1])
    with pytest.raises(bg.InputError, match=r"\(12, 11\)"):
        bg.plot_similarity(matrix[:, :-1], LABELS)
    with pytest.raises(bg.InputError, match="probabilities"):
        bg.plot_similarity(matrix * 2, LABELS)
    with pytest.raises(bg.InputError, match="symmetric"):
        bg.plot_similarity(np.triu(matrix), LABELS)
    with pytest.raises(bg.InputError, match="probabilities"):
        bg.plot_similarity(np.full((12, 12), np.nan), LABELS)
