"""EM's path is drawn as it was walked."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from PIL import Image
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.plots import plane


@pytest.fixture(scope="module")
def path(faithful):
    return bg.em_path(faithful, 2, n_iter=20, random_seed=1)


@pytest.fixture(scope="module")
def velocities():
    return bg.em_path(bg.load_dataset("galaxies"), 3, n_iter=5, random_seed=1)


def line_called(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def test_frames_show_their_iterations(path):
    panels = bg.plot_em_path(path, frames=[0, 3, 20])
    assert [ax.get_title() for ax in panels[:-1]] == ["start", "iteration 3", "iteration 20"]
    for ax, iteration in zip(panels, (0, 3, 20), strict=False):
        drawn = np.array(line_called(ax, "EM, 95 % ellipse").get_data())
        np.testing.assert_array_equal(drawn, plane.outlines(path.params[iteration]))
        clouds = [c for c in ax.collections if isinstance(c, PathCollection)]
        labels = path.responsibilities(iteration).argmax(axis=1)
        assert [len(c.get_offsets()) for c in clouds] == list(np.bincount(labels, minlength=2))


def test_likelihood_is_drawn_with_the_shown_iterations(path):
    ax = bg.plot_em_path(path, frames=[0, 3, 20])[-1]
    curve, points = ax.lines
    np.testing.assert_array_equal(curve.get_ydata(), path.log_likelihood)
    np.testing.assert_array_equal(points.get_xdata(), [0, 3, 20])
    np.testing.assert_array_equal(points.get_ydata(), path.log_likelihood[[0, 3, 20]])
    low, high = ax.get_ylim()
    assert low < path.log_likelihood[1] < path.log_likelihood[-1] < high


@pytest.mark.parametrize("frames", [1, 2, 6, 99])
def test_frames_are_spread_from_the_start_to_the_end(path, frames):
    panels = bg.plot_em_path(path, frames=frames)
    shown = panels[-1].lines[1].get_xdata()
    assert len(shown) == len(panels) - 1 <= min(frames, 21)
    assert shown[0] == 0
    assert (np.diff(shown) > 0).all()
    if frames > 1:
        assert shown[-1] == 20


def test_frames_share_their_scales_and_name_them_once(path):
    panels = bg.plot_em_path(path)[:-1]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in panels}) == 1
    assert [ax.get_xlabel() for ax in panels] == [""] * 3 + ["eruptions"] * 3
    assert [ax.get_ylabel() for ax in panels] == ["waiting", "", ""] * 2


def test_one_feature_has_its_density(velocities):
    ax = bg.plot_em_path(velocities, frames=[4])[0]
    x, y = line_called(ax, "EM").get_data()
    p = velocities.params[4]
    np.testing.assert_allclose(y, norm.pdf(x[:, None], p.means[:, 0], p.scales[:, 0]) @ p.weights)


def test_animation_has_a_frame_for_every_iteration(velocities, tmp_path):
    animation = bg.animate_em_path(velocities)
    animation.save(tmp_path / "em.gif", writer="pillow", dpi=30)
    with Image.open(tmp_path / "em.gif") as pictures:
        assert pictures.n_frames == 6


def test_animation_keeps_its_scale(faithful, tmp_path):
    path = bg.em_path(faithful, 2, n_iter=4, random_seed=1)
    animation = bg.animate_em_path(path, features=("waiting", "eruptions"))
    seen = []
    draw = animation._func
    for iteration in (0, 4):
        left, right = draw(iteration)
        seen.append((left.get_xlim(), left.get_ylim()))
        drawn = np.array(line_called(left, "EM, 95 % ellipse").get_data())
        turned = plane.outlines(path.params[iteration])[::-1]
        reach = np.nanmax(drawn, axis=1)
        np.testing.assert_allclose(reach, np.nanmax(turned, axis=1), rtol=1e-3)
        assert right.lines[1].get_xdata() == [iteration]
    assert seen[0] == seen[1]
    animation.save(tmp_path / "em.gif", writer="pillow", dpi=20)


def test_bad_frames_are_told(path):
    for frames in (0, [], [21], [-1]):
        with pytest.raises(bg.InputError, match="frames must be"):
            bg.plot_em_path(path, frames=frames)
    with pytest.raises(bg.InputError, match="no feature 'pause'"):
        bg.plot_em_path(path, features="pause")
