"""The bootstrap of one fit beside the posterior of the other: the same names, and one table."""

import numpy as np

import bayesgmm as bg


def test_the_group_has_the_names_of_a_posterior(em, bayes):
    posterior = bayes.to_datatree(["posterior"])["posterior"].to_dataset()
    tree = em.bootstrap(30, progressbar=False).to_datatree()
    assert set(em.to_datatree().children) < set(tree.children)
    group = tree["bootstrap"].to_dataset()
    assert set(group) == set(posterior) - {"correlations_cholesky"}
    for name, array in group.items():
        assert array.dims == posterior[name].dims
        assert array.shape == (1, 30, *posterior[name].shape[2:])
    assert group["feature"].equals(posterior["feature"])


def test_a_bootstrap_lends_its_errors_to_the_comparison(em, bayes):
    found = em.bootstrap(50, progressbar=False)
    usual, table = bg.compare(em, bayes), bg.compare(found, bayes)
    assert list(table.columns) == list(usual.columns)
    own = ["se", "ci_low", "ci_high"]
    np.testing.assert_array_equal(table[own], found.summary()[own])
    assert table.drop(columns=own).equals(usual.drop(columns=own))
