"""Covariance structures: each is what its letters say, and its M-step is a maximum."""

from dataclasses import dataclass

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.mixture.structures import (
    STRUCTURES,
    factor,
    factorise,
    get_structure,
    n_parameters,
)

ALL = [pytest.param(s, id=s.code) for s in STRUCTURES.values()]
each_structure = pytest.mark.parametrize("structure", ALL)


@dataclass
class Parts:
    """Volumes (1 or K), log shapes (1 or K, D) that sum to 0, axes (1 or K, D, D) in columns."""

    log_volumes: np.ndarray
    log_shapes: np.ndarray
    axes: np.ndarray

    def covariances(self, K):
        """The definition: ``Σ_k = λ_k D_k A_k D_k'``."""
        spectra = np.exp(self.log_volumes[:, None] + self.log_shapes)
        scaled = self.axes * spectra[:, None, :]
        return np.broadcast_to(scaled @ self.axes.swapaxes(1, 2), (K, *self.axes.shape[1:]))

    def moved(self, structure, theta):
        """The parts elsewhere in the structure, at free numbers `theta`; 0 is here."""
        D = self.log_shapes.shape[1]
        theta = list(theta)

        def take(letter, shape):
            size = 0 if letter == "I" else int(np.prod(shape))
            return np.reshape([theta.pop() for _ in range(size)] or np.zeros(shape), shape)

        volume, shape, orientation = structure.code
        log_volumes = self.log_volumes + take(volume, self.log_volumes.shape)
        steps = take(shape, self.log_shapes.shape)
        skew = np.zeros_like(self.axes)
        rows, columns = np.tril_indices(D, -1)
        skew[:, rows, columns] = take(orientation, (len(skew), len(rows)))
        skew -= skew.swapaxes(1, 2)
        turn = np.linalg.solve(np.eye(D) - skew, np.eye(D) + skew)  # Cayley's: orthogonal
        log_shapes = self.log_shapes + steps - steps.mean(axis=1, keepdims=True)
        return Parts(log_volumes, log_shapes, self.axes @ turn)

    def n_numbers(self, structure):
        """How many numbers `moved` takes: enough, perhaps more than are free."""
        _, shape, orientation = structure.code
        D = self.log_shapes.shape[1]
        turns = len(self.axes) * D * (D - 1) // 2
        return (
            self.log_volumes.size
            + (shape != "I") * self.log_shapes.size
            + (orientation != "I") * turns
        )


def random_parts(structure, K, D, rng):
    copies = [K if letter == "V" else 1 for letter in structure.code]
    log_shapes = rng.normal(size=(copies[1], D)) * (structure.code[1] != "I")
    axes = np.linalg.qr(rng.normal(size=(copies[2], D, D)))[0]
    if structure.diagonal:
        axes = np.eye(D)[None]
    return Parts(
        rng.normal(size=copies[0]), log_shapes - log_shapes.mean(axis=1, keepdims=True), axes
    )


def parts_of(structure, covariances):
    """Take covariances (K, D, D) apart, as the letters say; what is shared, from the first."""
    K, D, _ = covariances.shape
    _, shape, orientation = structure.code
    log_volumes = np.linalg.slogdet(covariances)[1] / D
    if orientation == "I":
        axes = np.eye(D)[None]
    elif orientation == "V" or shape == "E":
        axes = np.linalg.eigh(covariances)[1]
    else:
        axes = np.linalg.eigh(np.tensordot(np.arange(1.0, K + 1), covariances, 1))[1][None]
    spectra = np.einsum("kji,kjl,kli->ki", *np.broadcast_arrays(axes, covariances, axes))
    log_shapes = np.log(spectra) - log_volumes[:, None]
    if shape == "I":
        log_shapes = np.zeros((1, D))
    copies = [K if letter == "V" else 1 for letter in structure.code]
    return Parts(log_volumes[: copies[0]], log_shapes[: copies[1]], axes[: copies[2]])


def some_scatter(K=3, D=3, seed=0, lead=()):
    """Counts, and scatter matrices which have nothing in common."""
    rng = np.random.default_rng(seed)
    deviates = rng.normal(size=(*lead, K, D, D + 3)) * rng.uniform(0.3, 3, (*lead, K, D, 1))
    deviates = np.linalg.qr(rng.normal(size=(*lead, K, D, D)))[0] @ deviates
    return rng.uniform(5, 50, (*lead, K)), deviates @ deviates.swapaxes(-1, -2)


def taken(structure, matrices):
    """What of full matrices the structure's M-step takes."""
    return np.diagonal(matrices, axis1=-2, axis2=-1) if structure.diagonal else matrices


def maximised(structure, counts, scatter, previous=None):
    """The M-step, with full matrices in and out."""
    warm = None if previous is None else taken(structure, previous)
    best = structure.covariances(counts, taken(structure, scatter), warm)
    return best[..., None] * np.eye(scatter.shape[-1]) if structure.diagonal else best


def expected(counts, scatter, covariances):
    traces = np.trace(np.linalg.solve(covariances, scatter), axis1=-2, axis2=-1)
    return -0.5 * (counts * np.linalg.slogdet(covariances)[1] + traces).sum(axis=-1)


@each_structure
@pytest.mark.parametrize("D", [1, 2, 3, 5])
def test_mstep_is_a_maximum_within_the_structure(structure, D):
    for seed in range(3):
        counts, scatter = some_scatter(3, D, seed)
        best = maximised(structure, counts, scatter)
        top, parts = expected(counts, scatter, best), parts_of(structure, best)
        rng = np.random.default_rng(seed)
        for size in np.repeat([1e-4, 1e-3, 1e-2], 20):
            theta = size * rng.normal(size=parts.n_numbers(structure))
            near = parts.moved(structure, theta).covariances(3)
            assert expected(counts, scatter, near) < top + 1e-12 * abs(top)


@each_structure
@pytest.mark.parametrize("D", [1, 2, 3, 5])
def test_mstep_stays_within_the_structure(structure, D):
    best = maximised(structure, *some_scatter(4, D))
    np.testing.assert_allclose(parts_of(structure, best).covariances(4), best, rtol=0, atol=1e-7)


@each_structure
def test_a_scatter_within_the_structure_is_its_own_answer(structure):
    """And one that is within another structure is, if and only if this contains the other."""
    rng = np.random.default_rng(3)
    counts = rng.uniform(5, 50, 3)
    for other in STRUCTURES.values():
        covariances = random_parts(other, 3, 3, rng).covariances(3)
        best = maximised(structure, counts, counts[:, None, None] * covariances)
        kept = np.allclose(best, covariances, rtol=0, atol=1e-7)
        assert kept == structure.contains(other), other.code


@each_structure
def test_a_wider_structure_fits_no_worse(structure):
    for other in filter(structure.contains, STRUCTURES.values()):
        assert structure.n_parameters(3, 4) >= other.n_parameters(3, 4)
        assert structure.singular_rows(4) >= other.singular_rows(4)
        for seed in range(5):
            counts, scatter = some_scatter(3, 4, seed)
            narrow = maximised(other, counts, scatter)
            wide = maximised(structure, counts, scatter, narrow)
            low, high = (expected(counts, scatter, c) for c in (narrow, wide))
            assert high > low - 1e-9 * abs(low)


@each_structure
def test_mstep_never_falls_below_the_covariances_it_goes_on_from(structure):
    rng = np.random.default_rng(4)
    for seed in range(20):
        counts, scatter = some_scatter(3, 3, seed)
        previous = random_parts(structure, 3, 3, rng).covariances(3)
        best = maximised(structure, counts, scatter, previous)
        assert expected(counts, scatter, best) >= expected(counts, scatter, previous)


@pytest.mark.parametrize("code", ["EVE", "VVE"])
def test_common_axes_are_those_of_the_previous_even_of_a_cross(code):
    """Two equal ellipses at right angles: the sum of their covariances is round, so has no axes."""
    cross = np.array([[[5.0, 4.0], [4.0, 5.0]], [[5.0, -4.0], [-4.0, 5.0]]])
    counts = np.array([20.0, 20.0])
    best = get_structure(code).covariances(counts, 20 * cross, cross)
    np.testing.assert_allclose(best, cross, atol=1e-12)


@each_structure
def test_parameters_are_counted_by_the_rank_of_the_jacobian(structure):
    parts = random_parts(structure, 3, 3, np.random.default_rng(5))
    steps = 1e-5 * np.eye(parts.n_numbers(structure))
    jacobian = [
        (parts.moved(structure, step).covariances(3) - parts.moved(structure, -step).covariances(3))
        for step in steps
    ]
    rank = np.linalg.matrix_rank(np.reshape(jacobian, (len(steps), -1)) / 1e-5, tol=1e-6)
    assert structure.n_parameters(3, 3) == rank
    assert n_parameters(structure, 3, 3) == rank + 2 + 9


def test_closed_forms_are_the_textbooks():
    counts, scatter = some_scatter(3, 3)
    n, W, identity = counts[:, None, None], scatter, np.eye(3)
    sizes = np.linalg.det(W) ** (1 / 3)
    spectra, own = np.linalg.eigh(W)
    diagonal = W * identity
    lengths = np.prod(np.diagonal(W, axis1=1, axis2=2), axis=1) ** (1 / 3)
    forms = {
        "EII": np.trace(W.sum(0)) / (3 * n.sum()) * identity,
        "VII": np.trace(W, axis1=1, axis2=2)[:, None, None] / (3 * n) * identity,
        "EEI": diagonal.sum(0) / n.sum(),
        "EVI": diagonal / lengths[:, None, None] * lengths.sum() / n.sum(),
        "VVI": diagonal / n,
        "EEE": W.sum(0) / n.sum(),
        "EEV": own * spectra.sum(0) @ own.swapaxes(1, 2) / n.sum(),
        "EVV": W / sizes[:, None, None] * sizes.sum() / n.sum(),
        "VVV": W / n,
    }
    for code, form in forms.items():
        best = maximised(get_structure(code), counts, scatter)
        np.testing.assert_allclose(best, np.broadcast_to(form, W.shape), rtol=1e-12, atol=1e-12)


@each_structure
def test_every_mixture_is_treated_as_if_it_were_alone(structure):
    counts, scatter = some_scatter(3, 3, lead=(2, 4))
    scatter[0, 1, 2] = 0.0
    scatter[1, 2] = np.nan
    scatter = taken(structure, scatter)
    together = structure.covariances(counts, scatter)
    warm = structure.covariances(counts, 1.1 * scatter, together)
    assert together.shape == scatter.shape
    for at in np.ndindex(2, 4):
        alone = structure.covariances(counts[at], scatter[at])
        np.testing.assert_array_equal(alone, together[at])
        again = structure.covariances(counts[at], 1.1 * scatter[at], alone)
        np.testing.assert_array_equal(again, warm[at])


@each_structure
def test_equivariant_structures_follow_the_units_of_the_features(structure):
    counts, scatter = some_scatter()
    units = np.array([0.1, 1.0, 7.0])
    rescale = np.outer(units, units)
    best = maximised(structure, counts, scatter)
    moved = maximised(structure, counts, rescale * scatter)
    assert np.allclose(moved, rescale * best, rtol=1e-6, atol=1e-8) == structure.equivariant
    free = structure.units(units)
    assert (free == units).all() if structure.equivariant else np.ptp(free) == 0
    common = free[0] ** 2 if not structure.equivariant else np.outer(free, free)
    moved = maximised(structure, counts, common * scatter)
    np.testing.assert_allclose(moved, common * best, rtol=1e-6, atol=1e-8)


@each_structure
def test_only_axes_of_their_own_tie_a_structure_to_the_features(structure):
    counts, scatter = some_scatter()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    best = maximised(structure, counts, scatter)
    moved = maximised(structure, counts, turn @ scatter @ turn.T)
    follows = np.allclose(moved, turn @ best @ turn.T, rtol=1e-5, atol=1e-6)
    assert follows == (not structure.diagonal or structure.code[1] == "I")


@each_structure
def test_in_one_dimension_the_volume_is_all(structure):
    same = get_structure(structure.code[0], n_features=1)
    counts, scatter = some_scatter(4, 1)
    best = maximised(structure, counts, scatter)
    np.testing.assert_allclose(best, maximised(same, counts, scatter), rtol=1e-12)
    assert structure.n_parameters(4, 1) == same.n_parameters(4, 1) == len(np.unique(best.round(9)))
    assert structure.singular_rows(1) == same.singular_rows(1)


@each_structure
def test_singular_rows_make_a_component_singular_and_one_more_does_not(structure):
    """Shared axes need not lie as the few rows do, but if they do, they stay so."""
    rng = np.random.default_rng(6)
    for D in (2, 3, 5):
        for n_rows in range(1, D + 2):
            counts, scatter = some_scatter(3, D)
            counts[:] = 40, n_rows, 40
            rows = rng.normal(size=(n_rows, D))
            scatter[1] = (rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0))
            _, axes = np.linalg.eigh(scatter[1])
            previous = np.repeat(((axes * np.arange(1, D + 1)) @ axes.T)[None], 3, axis=0)
            warm = taken(structure, previous) if structure.code[1:] == "VE" else None
            best = structure.covariances(counts, taken(structure, scatter), warm)
            assert factorise(best[None])[1] == [n_rows > structure.singular_rows(D)], (D, n_rows)


@each_structure
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_what_has_no_maximum_is_flagged_and_nothing_is_raised(structure, bad):
    counts, scatter = some_scatter(3, 3, lead=(3,))
    good = maximised(structure, counts, scatter)
    scatter[1] = bad
    scatter = taken(structure, scatter)
    cold = structure.covariances(counts, scatter)
    warm = structure.covariances(counts, scatter, taken(structure, good))
    for best in (cold, warm):
        factors, proper = factorise(best)
        np.testing.assert_array_equal(proper, [True, False, True])
        assert np.isfinite(factors).all()


@each_structure
def test_stretched_statistics_have_no_maximum_either(structure):
    """Steps between M-steps may make a scatter indefinite: no axes are best then."""
    counts, scatter = some_scatter(3, 3)
    good = maximised(structure, counts, scatter)
    scatter[1, 0, 0] = -scatter[1, 0, 0] * 100
    best = structure.covariances(counts, taken(structure, scatter), taken(structure, good))
    assert not factorise(best[None])[1].any()


def test_factors_multiply_to_the_covariances():
    counts, scatter = some_scatter(3, 3, lead=(4,))
    lower, proper = factorise(scatter)
    assert proper.all()
    np.testing.assert_array_equal(np.triu(lower, 1), 0)
    np.testing.assert_allclose(lower @ lower.swapaxes(-1, -2), scatter, rtol=1e-10)
    np.testing.assert_array_equal(factor(scatter[2]), lower[2])
    np.testing.assert_allclose(factor(counts), np.sqrt(counts))


@pytest.mark.parametrize("units", [[1, 1, 1], [1e-9, 1, 1e9], [1e12, 1e-3, 1]])
def test_a_matrix_is_singular_or_not_in_any_units(units):
    rows = np.random.default_rng(7).normal(size=(3, 3)) * units
    centred = rows - rows.mean(axis=0)
    flat, sound = centred.T @ centred, rows.T @ rows
    np.testing.assert_array_equal(factorise(np.stack([flat, sound])[:, None])[1], [False, True])
    with pytest.raises(np.linalg.LinAlgError):
        factor(flat[None])


def test_names_are_scikit_learns_and_mclusts():
    assert [s.code for s in STRUCTURES.values()][-1] == "VVV"
    assert len(STRUCTURES) == 14
    for name, code in {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}.items():
        assert get_structure(name) is get_structure(code) is STRUCTURES[name]
    for name, structure in STRUCTURES.items():
        assert get_structure(name) is get_structure(structure.code) is structure
    assert get_structure("E", 1) is get_structure("tied")
    assert get_structure("V", 1) is get_structure("full")


@pytest.mark.parametrize("wrong", ["vvv", "EIE", "", None, 3, ["full"]])
def test_unknown_names_are_told_the_known_ones(wrong):
    with pytest.raises(bg.InputError, match=r"one of 'full', 'tied'.*EEV"):
        get_structure(wrong)


@pytest.mark.parametrize("n_features", [None, 2])
def test_one_letter_is_for_one_feature(n_features):
    with pytest.raises(bg.InputError, match=r"one feature.*'EEE', also called 'tied'"):
        get_structure("E", n_features)
