"""A small simulation-based calibration; the whole of it is `tests/benchmarks/calibration.py`."""

import numpy as np
import pytest
from benchmarks.calibration import RANKED, probability, ranks

SIMULATIONS = 24


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # of EM, about rows drawn from odd mixtures
@pytest.mark.parametrize("case", [(2, 1, "diag"), (2, 2, "full")])
def test_the_truth_ranks_uniformly_among_the_draws(case):
    found = [ranks(case, seed) for seed in range(SIMULATIONS)]
    chances = {name: probability(np.array([one[name] for one in found])) for name in found[0]}
    assert min(chances.values()) > 0.001 / len(chances), chances


def test_ranks_of_a_posterior_that_is_off_would_be_noticed():
    uniform = np.random.default_rng(0).integers(0, RANKED + 1, SIMULATIONS)
    assert probability(uniform) > 0.05
    assert probability((0.6 * uniform).astype(int)) < 0.0005  # always among the lower ones
    middle = (RANKED // 4 + uniform // 2).astype(int)  # a posterior twice too wide
    assert probability(middle) < 0.02
