"""Time one E-step against one full EM iteration of scikit-learn.

    python tests/benchmarks/estep.py

An EM iteration is an E-step and an M-step. Our M-step works on the K components and not on the
rows, so what it adds to the E-step is not seen here. Times are medians, taken in turns on a machine
that should have nothing else to do; scikit-learn's linear algebra has as many threads as we.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numba
import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.likelihood import estep

PROBLEMS = [
    (1_000_000, 2, 5, "full"),
    (1_000_000, 2, 5, "diag"),
    (100_000, 4, 5, "full"),
    (100_000, 4, 5, "diag"),
    (100_000, 16, 8, "full"),
    (100_000, 32, 10, "full"),
    (20_000, 64, 10, "full"),
]
ROUNDS = 9


def main() -> None:
    print(f"numba {numba.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}")
    print("      N   D   K  structure  threads  ours ms  scikit-learn ms  ratio")
    for N, D, K, structure in PROBLEMS:
        for threads in (1, 2):
            with threadpool_limits(threads):
                ours, theirs = medians(*iterations(N, D, K, structure, threads))
            print(
                f"{N:7} {D:3} {K:3}  {structure:9}  {threads:7}  {ours:7.2f}  {theirs:15.2f}"
                f"  {theirs / ours:5.1f}",
                flush=True,
            )
    with threadpool_limits(1):
        against_primitives()


def against_primitives() -> None:
    """Compare with what an E-step cannot do without: exponentials at small D, products at large."""
    N, D, K = 1_000_000, 2, 5
    ours, _ = iterations(N, D, K, "full", 1)
    logs = -5 * np.abs(np.random.default_rng(0).normal(size=(N, K)))
    time_ours, exponentials = medians(ours, lambda: np.exp(logs))
    print(f"D = {D}: the E-step takes {time_ours / exponentials:.2f} times np.exp of N x K numbers")

    N, D, K = 20_000, 64, 10
    ours, _ = iterations(N, D, K, "full", 1)
    matrix = np.random.default_rng(0).normal(size=(1000, 1000))
    time_ours, product = medians(ours, lambda: matrix @ matrix)
    speed = 2 * N * K * D * (D + 1) / time_ours / 1e6  # the two triangular products alone
    print(f"D = {D}: {speed:.1f} Gflop/s, and a dgemm {2 * 1000**3 / product / 1e6:.1f}")


def iterations(
    N: int, D: int, K: int, structure: str, workers: int
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Our E-step and scikit-learn's iteration from the same point, checked to be the same work."""
    rng = np.random.default_rng(0)
    means = 2 * rng.normal(size=(K, D))
    X = means[rng.integers(K, size=N)] + rng.normal(size=(N, D))
    data, weights, factor = as_data(X), np.full(K, 1 / K), np.exp(0.1 * rng.normal(size=(K, D)))
    precision_factor = 1 / factor
    if structure == "full":
        factor = np.tril(0.1 * rng.normal(size=(K, D, D)), -1) + factor[:, :, None] * np.eye(D)
        precision_factor = np.linalg.inv(factor).mT.copy()
    model = GaussianMixture(K, covariance_type=structure)

    def ours() -> float:
        return float(estep(data, weights, means, factor, workers=workers).log_likelihood)

    def theirs() -> float:
        model.weights_, model.means_, model.precisions_cholesky_ = weights, means, precision_factor
        score, log_resp = model._e_step(X)
        model._m_step(X, log_resp)
        return float(score)

    np.testing.assert_allclose(ours() / N, theirs(), rtol=1e-12)
    return ours, theirs


def medians(*functions: Callable[[], object]) -> list[float]:
    """Median time of each in milliseconds, the functions taking turns."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, record in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            record.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(record) for record in times]


if __name__ == "__main__":
    main()
