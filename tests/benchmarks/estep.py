"""Time one E-step against one full EM iteration of scikit-learn, on one thread.

    python tests/benchmarks/estep.py

An EM iteration is an E-step and an M-step. Our M-step works on the K components and not on the
rows, so what it adds to the E-step is not seen here. Times are medians, taken in turns.
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

from bayesgmm.mixture import kernels

SHAPES = [(100_000, 4, 5), (1_000_000, 2, 5), (100_000, 16, 8)]
ROUNDS = 9


def main() -> None:
    kernels.compile_kernels()
    print(f"numba {numba.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}")
    print(f"{'N':>9} {'D':>3} {'K':>3}  structure  ours ms  sklearn ms  ratio  np.exp(N x K) ms")
    for N, D, K in SHAPES:
        for structure in ("full", "diag"):
            ours, theirs, exponentials = measure(N, D, K, structure)
            print(
                f"{N:9} {D:3} {K:3}  {structure:9}  {ours:7.2f}  {theirs:10.2f}"
                f"  {theirs / ours:5.1f}  {exponentials:16.2f}",
                flush=True,
            )


def measure(N: int, D: int, K: int, structure: str) -> list[float]:
    rng = np.random.default_rng(0)
    means = 2 * rng.normal(size=(K, D))
    X = means[rng.integers(K, size=N)] + rng.normal(size=(N, D))
    inverse = np.exp(0.1 * rng.normal(size=(K, D)))
    log_coef = -np.log(K) + np.log(inverse).sum(1) - D / 2 * np.log(2 * np.pi)
    if structure == "full":
        inverse = np.tril(0.1 * rng.normal(size=(K, D, D)), -1) + inverse[:, :, None] * np.eye(D)

    model = GaussianMixture(K, covariance_type=structure)
    precisions_cholesky = np.ascontiguousarray(inverse.mT) if structure == "full" else inverse
    everything, counts, sums = np.empty(0), np.empty(K), np.empty((K, D))
    scatter = np.empty_like(inverse)

    def ours() -> float:
        return kernels.estep(X, everything, log_coef, means, inverse, counts, sums, scatter)

    def theirs() -> float:
        model.weights_, model.means_ = np.full(K, 1 / K), means
        model.precisions_cholesky_ = precisions_cholesky
        score, log_resp = model._e_step(X)
        model._m_step(X, log_resp)
        return score

    np.testing.assert_allclose(ours() / N, theirs(), rtol=1e-12)  # the same work was done
    logs = -5 * np.abs(rng.normal(size=(N, K)))
    out = np.empty_like(logs)
    return medians(ours, theirs, lambda: np.exp(logs, out))


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
    with threadpool_limits(1):
        main()
