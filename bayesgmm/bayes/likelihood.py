"""The likelihood of a mixture as PyTensor sees it: one sweep for the value and its gradient.

Two small operations. :class:`EStep` sweeps the rows once, with the same kernel as EM, and returns
the log-likelihood together with the expected sufficient statistics. :class:`Score` turns these
statistics into the gradient by Fisher's identity: the gradient of the log-likelihood is the
expectation, over the unknown labels, of the gradient that one would have if they were known. With
responsibilities ``r``, covariances ``L L'`` and ``sums = Σ r (x − μ)``,
``scatter = Σ r (x − μ)(x − μ)'``, ``counts = Σ r`` of one component, it is

- ``counts / w`` for its weight,
- ``L⁻ᵀ L⁻¹ sums`` for its mean,
- the lower triangle of ``L⁻ᵀ (L⁻¹ scatter L⁻ᵀ − counts I)`` for its Cholesky factor.

So the gradient needs no pass over the data: its graph repeats the E-step of the value, and
PyTensor merges the two. Second derivatives are not implemented, and asking for them is an error.

A ``factor`` is what describes the covariances: lower Cholesky factors (K, D, D), or standard
deviations (K, D) where all covariances are diagonal; the second is the cheaper kernel.

References
----------
Louis, T. A. (1982). Finding the observed information matrix when using the EM algorithm. Journal
of the Royal Statistical Society B 44, 226-233 (Fisher's identity is its equation for the score).
"""

import functools
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayesgmm.mixture import kernels
from bayesgmm.mixture.compilation import compile_for, jit_exact, source_digest
from bayesgmm.mixture.factors import invert, prepare

__all__ = ["EStep", "Score", "log_likelihood"]


def log_likelihood(X: Any, weights: Any, means: Any, factor: Any) -> pt.TensorVariable:
    """Log-likelihood of all rows under a mixture, as a PyTensor scalar.

    Parameters
    ----------
    X : (N, D) tensor_like
        The data. They are constants here: a gradient with respect to them is an error.
    weights : (K,) tensor_like
        Shares of the components.
    means : (K, D) tensor_like
        Component means.
    factor : (K, D, D) or (K, D) tensor_like
        Lower Cholesky factors of the covariances, or standard deviations of diagonal ones.

    Returns
    -------
    scalar TensorVariable
        Minus infinity outside the parameter space: where a weight or a diagonal element is not
        positive, or anything is not a number.
    """
    return EStep()(X, weights, means, factor)[0]


class EStep(Op):
    """Data (N, D), weights, means, factor -> log-likelihood, counts, sums, scatter.

    The statistics have the shapes of weights, means and factor. Only the log-likelihood can be
    differentiated.
    """

    __props__ = ()

    def make_node(self, X: Any, weights: Any, means: Any, factor: Any) -> Apply:
        """Check ranks and types of the inputs."""
        inputs = [pt.as_tensor(value, dtype="float64") for value in (X, weights, means, factor)]
        ranks = [value.type.ndim for value in inputs]
        if ranks not in ([2, 1, 2, 2], [2, 1, 2, 3]):
            raise ValueError(
                "expected X (N, D), weights (K,), means (K, D), factor (K, D, D) or (K, D), "
                f"got {ranks} dimensions"
            )
        return Apply(self, inputs, [pt.dscalar(), *(value.type() for value in inputs[1:])])

    def infer_shape(self, node: Apply, input_shapes: Sequence[Any]) -> list[Any]:
        """Shapes of the outputs: a scalar, then those of the parameters."""
        return [(), *input_shapes[1:]]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Run the kernel from Python."""
        _compile(inputs[3].ndim == 2)
        contiguous = [np.ascontiguousarray(value) for value in inputs]
        statistics = [np.empty(value.shape) for value in contiguous[1:]]
        output_storage[0][0] = np.asarray(_estep(*contiguous, *statistics))
        for storage, result in zip(output_storage[1:], statistics, strict=True):
            storage[0] = result

    def pullback(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        cotangents: Sequence[Variable],
    ) -> list[Variable]:
        """Apply Fisher's identity to the statistics of this very sweep."""
        to_loglik, *to_statistics = cotangents
        # Taken for disconnected, they would make second derivatives zero, and silently so.
        if not all(isinstance(cotangent.type, DisconnectedType) for cotangent in to_statistics):
            raise NotImplementedError(_NO_SECOND_DERIVATIVES)
        data = grad_not_implemented(self, 0, inputs[0], "The data are constants.")
        if isinstance(to_loglik.type, DisconnectedType):
            return [data, *(DisconnectedType()() for _ in inputs[1:])]
        _, weights, _, factor = inputs
        score = Score()(weights, factor, *outputs[1:])
        return [data, *(to_loglik * block for block in score)]


class Score(Op):
    """Weights, factor, counts, sums, scatter -> gradient to weights, means, factor."""

    __props__ = ()

    def make_node(self, weights: Any, factor: Any, counts: Any, sums: Any, scatter: Any) -> Apply:
        """Take the inputs as :class:`EStep` made them."""
        inputs = [pt.as_tensor(value) for value in (weights, factor, counts, sums, scatter)]
        return Apply(self, inputs, [value.type() for value in (inputs[0], inputs[3], inputs[1])])

    def infer_shape(self, node: Apply, input_shapes: Sequence[Any]) -> list[Any]:
        """Shapes of the outputs: those of weights, means and factor."""
        return [input_shapes[0], input_shapes[3], input_shapes[1]]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Run the compiled function from Python."""
        _compile(inputs[1].ndim == 2)
        contiguous = [np.ascontiguousarray(value) for value in inputs]
        gradients = [np.empty(contiguous[i].shape) for i in (0, 3, 1)]
        _score(*contiguous, *gradients)
        for storage, result in zip(output_storage, gradients, strict=True):
            storage[0] = result

    def pullback(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        cotangents: Sequence[Variable],
    ) -> list[Variable]:
        """Raise: second derivatives need more than these statistics (Louis 1982)."""
        raise NotImplementedError(_NO_SECOND_DERIVATIVES)


_NO_SECOND_DERIVATIVES = (
    "second derivatives of the mixture likelihood are not implemented, and nothing but its "
    "log-likelihood can be differentiated"
)


# The compiled functions. As in the kernels, branches on ``ndim`` are decided at compilation.


@functools.cache
def _compile(diagonal: bool) -> None:
    """Compile, or load from disk, what the operations run; other types are then refused."""
    F = 2 if diagonal else 3
    kernels.compile_kernel(prepare, diagonal)
    kernels.compile_kernel(kernels.estep, diagonal)
    compile_for(_estep, (2, 1, 2, F), (1, 2, F))
    compile_for(_score, (1, F, 1, 2, F), (1, 2, F))


@jit_exact
def _estep(X, weights, means, factor, counts, sums, scatter):
    """Return the log-likelihood and overwrite the statistics, from readable parameters."""
    log_coef, inverse = np.empty(weights.shape), np.empty(factor.shape)
    prepare(weights, factor, log_coef, inverse)
    # outside the parameter space a logarithm or an inverse is infinite or not a number
    if _all_finite(log_coef) and _all_finite(inverse) and _all_finite(means):
        loglik = kernels.one_estep(
            kernels.estep, X, log_coef, means, inverse, counts, sums, scatter
        )
        if not np.isnan(loglik):
            return loglik
    counts[:] = 0.0
    sums[:] = 0.0
    scatter[:] = 0.0
    return -np.inf


@jit_exact
def _all_finite(array):
    finite = True
    for element in array.flat:
        finite &= np.isfinite(element)
    return finite


@jit_exact
def _score(weights, factor, counts, sums, scatter, to_weights, to_means, to_factor):
    """Overwrite the gradients by Fisher's identity."""
    inverse, work = np.empty(factor.shape), np.empty(factor.shape)
    for k in range(len(weights)):
        to_weights[k] = counts[k] / weights[k]
        invert(factor[k], inverse[k])
        if factor.ndim == 2:
            for i in range(factor.shape[1]):
                precision = inverse[k, i] ** 2
                to_means[k, i] = precision * sums[k, i]
                to_factor[k, i] = inverse[k, i] * (precision * scatter[k, i] - counts[k])
        else:
            lower, upper = inverse[k], inverse[k].T
            _multiply(lower, scatter[k], work[k])
            _multiply(work[k], upper, to_factor[k])
            for i in range(factor.shape[1]):
                to_factor[k, i, i] -= counts[k]
            _multiply(upper, to_factor[k], work[k])
            _multiply(upper, lower, to_factor[k])  # the precision matrix, for the mean
            for i in range(factor.shape[1]):
                to_means[k, i] = 0.0
                for j in range(factor.shape[1]):
                    to_means[k, i] += to_factor[k, i, j] * sums[k, j]
            for i in range(factor.shape[1]):
                for j in range(factor.shape[1]):
                    to_factor[k, i, j] = work[k, i, j] if j <= i else 0.0


@jit_exact
def _multiply(a, b, out):
    """Matrix product, in loops: for small matrices they compile, and run, sooner than BLAS."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0.0
            for m in range(a.shape[1]):
                out[i, j] += a[i, m] * b[m, j]


# The same functions for PyTensor's default mode. Its cache does not look into what an operation
# calls, so that the key must tell when the sources change.

_VERSION = int(source_digest(_estep), 16)


@register_funcify_default_op_cache_key(EStep)
def _numba_estep(op: EStep, node: Apply, **kwargs: Any) -> tuple[Any, int]:
    _compile(node.inputs[3].type.ndim == 2)

    @numba.njit
    def estep(X, weights, means, factor):
        counts, sums = np.empty(weights.shape), np.empty(means.shape)
        scatter = np.empty(factor.shape)
        loglik = _estep(
            np.ascontiguousarray(X),
            np.ascontiguousarray(weights),
            np.ascontiguousarray(means),
            np.ascontiguousarray(factor),
            counts,
            sums,
            scatter,
        )
        return np.asarray(loglik), counts, sums, scatter

    return estep, _VERSION


@register_funcify_default_op_cache_key(Score)
def _numba_score(op: Score, node: Apply, **kwargs: Any) -> tuple[Any, int]:
    _compile(node.inputs[1].type.ndim == 2)

    @numba.njit
    def score(weights, factor, counts, sums, scatter):
        to_weights, to_means = np.empty(weights.shape), np.empty(sums.shape)
        to_factor = np.empty(factor.shape)
        _score(
            np.ascontiguousarray(weights),
            np.ascontiguousarray(factor),
            np.ascontiguousarray(counts),
            np.ascontiguousarray(sums),
            np.ascontiguousarray(scatter),
            to_weights,
            to_means,
            to_factor,
        )
        return to_weights, to_means, to_factor

    return score, _VERSION
