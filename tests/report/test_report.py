"""The page: everything in it, in full, and nothing from elsewhere."""

import re
from base64 import b64decode
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.report.pictures import _drawn
from bayesgmm.report.places import Place

VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """Elements of a page with their attributes, its text, and the numbers of its tables."""

    def __init__(self, source):
        super().__init__()
        self.source, self.elements, self.text, self.tables = source, [], "", []
        self._open, self._cell = [], None
        self.feed(source)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if "data-column" in attributes:
            self.tables[-1].append(np.nan)
        if tag == "data" and "td" in self._open and self.tables[-1]:
            self.tables[-1][-1] = float(attributes["value"])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def comparisons(self):
        return [np.array(numbers) for numbers in self.tables if numbers]


def page(em, bayes, folder, **options):
    path = folder / "report.html"
    bg.write_report(em, bayes, path, **options)
    assert path.stat().st_size < 5e6
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plain(em, small, tmp_path_factory):
    return page(em, small, tmp_path_factory.mktemp("plain"), source="faithful")


@pytest.fixture(scope="module")
def several(em, elsewhere, tmp_path_factory):
    return page(em, elsewhere, tmp_path_factory.mktemp("several"), source="faithful")


def numbers(comparison):
    return comparison.iloc[:, 3:].to_numpy(dtype=float).ravel()


def test_numbers_are_those_of_compare(plain, em, small):
    (found,) = plain.comparisons()
    np.testing.assert_array_equal(found, numbers(bg.compare(em, small)))


def test_what_is_read_is_the_number_rounded(plain):
    written = re.findall(r'<data value="([^"]+)">([^<]+)</data>', plain.source)
    assert len(written) > 100
    for exact, shown in written:
        decimals = len(shown.partition(".")[2])
        assert float(shown.replace("−", "-")) == pytest.approx(
            float(exact), abs=0.5001 * 10.0**-decimals, rel=1e-5
        )


def test_each_mode_has_its_own_table_and_picture(several, em, elsewhere):
    assert len(elsewhere.modes) == 2
    found = several.comparisons()
    for numbers_, mode in zip(found, elsewhere.modes, strict=True):
        np.testing.assert_array_equal(numbers_, numbers(bg.compare(em, mode)))
    assert len(several.all("img")) == 2
    for name in ("Chains 0, 1", "Chain 2"):
        assert f"<h3>{name}</h3>" in several.source


def test_bad_verdict_is_an_alert_and_comes_first(several, elsewhere):
    (alert,) = [a for a in several.all("section") if a.get("role") == "alert"]
    assert "bad" in alert["class"]
    top = several.text.partition("Comparison")[0]
    for problem in elsewhere.diagnostics.problems:
        assert problem in top


def test_good_verdict_names_the_largest_difference(em, bayes, tmp_path):
    assert bayes.diagnostics.trustworthy
    found = page(em, bayes, tmp_path)
    top = found.text.partition("Comparison")[0]
    shift = bg.compare(em, bayes)["difference"].abs().max()
    assert "Nothing speaks against these draws" in top
    assert f"by {shift:.2f} posterior standard deviations" in top
    assert not [a for a in found.all("section") if a.get("role") == "alert"]


def test_maximum_that_did_not_converge_is_warned_of(em, bayes, tmp_path):
    stopped = replace(em, reason=type(em.reason).MAX_ITER)
    top = page(stopped, bayes, tmp_path).text.partition("Comparison")[0]
    assert "Warning: EM's maximum should not be trusted" in top
    assert "NOT converged" in top


@pytest.mark.parametrize("which", ["plain", "several"])
def test_pictures_are_inside_and_described(which, request):
    images = request.getfixturevalue(which).all("img")
    assert images
    for image in images:
        kind, _, content = image["src"].partition(",")
        assert kind == "data:image/png;base64"
        picture = b64decode(content, validate=True)
        assert picture.startswith(b"\x89PNG")
        assert picture.endswith(b"IEND\xaeB`\x82")
        assert int.from_bytes(picture[16:20]) > 600
        assert "272 rows of eruptions and waiting" in image["alt"]


def test_nothing_is_loaded_from_elsewhere(plain):
    for _, attributes in plain.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "http" not in re.sub(r'base64,[^"]+|http-equiv', "", plain.source)
    assert "@import" not in plain.source
    assert "url(" not in plain.source
    assert not plain.all("script")


def test_page_says_what_browsers_need(plain):
    assert plain.source.startswith("<!DOCTYPE html>")
    assert plain.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in plain.all("meta")
    assert len(plain.all("title")) == len(plain.all("h1")) == 1


def test_page_tells_data_priors_settings_and_versions(plain, small):
    for line in [*str(small.priors).splitlines(), "target_accept", bg.__version__]:
        assert line.partition(": ")[2] in plain.text
    low, high = small.data.values.min(axis=0), small.data.values.max(axis=0)
    for value in [*low, *high, *small.data.moments()[0]]:
        assert f'<data value="{float(value)!r}">' in plain.source


def test_headlines_are_there(plain, em, small):
    for fit in (em, small):
        for line in fit.headline():
            assert escape(line.strip()) in plain.source


def test_lines_of_python_make_the_same_fits(plain, em, small):
    code = next(x for x in re.findall("<code>(.*?)</code>", plain.source, re.S) if "import" in x)
    lines = code.replace("&#x27;", "'").replace("&quot;", '"')
    made = {}
    exec(lines.replace("random_seed", "progressbar=False, random_seed"), made)
    np.testing.assert_array_equal(made["em"].params.means, em.params.means)
    np.testing.assert_array_equal(made["bayes"].draws.means, small.draws.means)


def test_no_command_is_told_that_would_make_other_fits(em, small, tmp_path):
    seeds = small.settings | {"random_seed": 2}
    others = {
        "without a source": page(em, small, tmp_path),
        "other seeds": page(em, replace(small, settings=seeds), tmp_path, source="faithful"),
        "other names": page(em, small.relabel("ecr"), tmp_path, source="faithful"),
        "unknown priors": page(em, replace(small, priors=None), tmp_path, source="faithful"),
        "as sampled": page(em, small.as_sampled(), tmp_path, source="faithful"),
        "other priors": page(
            em,
            replace(small, priors=replace(small.priors, weights=bg.priors.Dirichlet(2.0))),
            tmp_path,
            source="faithful",
        ),
    }
    for what, found in others.items():
        assert "On the command line" not in found.text, what
    assert "bayes = bayes.relabel('ecr')" in others["other names"].text
    assert "those of your own model" in others["unknown priors"].text
    assert "bayes = bayes.as_sampled()" in others["as sampled"].text
    assert "priors=bg.Priors.from_dict({" in others["other priors"].text


def test_hostile_names_are_text(em, small, tmp_path):
    evil = ("<script>alert(1)</script>", "\"><img src=x onerror=alert(2)> $\\bad$ & '")
    renamed = (replace(fit, data=replace(fit.data, feature_names=evil)) for fit in (em, small))
    found = page(*renamed, tmp_path, source="<b>.csv")
    assert not found.all("script")
    assert not found.all("b")
    assert len(found.all("img")) == 1
    assert not any("onerror" in attributes for _, attributes in found.elements)
    for name in evil:
        assert f"mean {name}" in found.text


def standing(n_features, folder):
    """A page about a single component of some features, and their names."""
    rng = np.random.default_rng(0)
    names = [f"feature_{d}" for d in range(n_features)]
    rows = pd.DataFrame(rng.normal(size=(60, n_features)), columns=names)
    em = bg.fit_em(rows, 1, covariance_type="diag", random_seed=1)
    options = {"draws": 50, "tune": 100, "chains": 2, "thin": 1, "progressbar": False}
    bayes = bg.fit_bayes(rows, 1, covariance_type="diag", start=em, random_seed=1, **options)
    return page(em, bayes, folder), names


@pytest.mark.parametrize(("n_features", "n_pictures"), [(1, 1), (2, 1), (3, 1), (6, 1), (7, 4)])
def test_every_feature_is_seen_in_some_picture(tmp_path, n_features, n_pictures):
    found, names = standing(n_features, tmp_path)
    images = found.all("img")
    assert len(images) == n_pictures
    drawn = " ".join(image["alt"] for image in images)
    assert [name for name in names if name not in drawn] == []


def test_the_picture_of_one_feature_is_its_density(tmp_path):
    (image,) = standing(1, tmp_path)[0].all("img")
    assert image["alt"].startswith("Histogram of feature_0 in 60 rows, with the densities")


def test_several_features_are_drawn_in_all_pairs(em_of_iris, tmp_path):
    em, bayes = em_of_iris
    place = Place("", (0, 1), bayes, bg.compare(em, bayes))
    figure = _drawn(em, place, em.feature_names)
    named = [ax for ax in figure.axes if ax.axison]
    assert len(figure.axes) == 16
    assert len(named) == 10
    assert [ax.get_xlabel() for ax in figure.axes[-4:]] == list(em.feature_names)
    assert plt.get_fignums() == []


@pytest.fixture(scope="module")
def em_of_iris():
    rows = bg.load_dataset("iris").drop(columns="species")
    em = bg.fit_em(rows, 2, covariance_type="tied", random_seed=1)
    options = {"draws": 50, "tune": 100, "chains": 2, "thin": 1, "progressbar": False}
    return em, bg.fit_bayes(rows, 2, covariance_type="tied", start=em, random_seed=1, **options)


def test_what_cannot_be_reported(em, small, tmp_path):
    with pytest.raises(bg.InputError, match="no folder"):
        bg.write_report(em, small, tmp_path / "none" / "report.html")
    with pytest.raises(bg.InputError, match="fit by fit_em"):
        bg.write_report(small, em, tmp_path / "report.html")
    other = bg.fit_em(small.data, 3, random_seed=1)
    with pytest.raises(bg.InputError, match="numbers of components"):
        bg.write_report(other, small, tmp_path / "report.html")
