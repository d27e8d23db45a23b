"""What the docstrings show is what happens, and the reference has every public name."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import bayesgmm

mpl.use("Agg")  # no screen

PACKAGE = Path(bayesgmm.__file__).parent
PAGES = Path(__file__).parents[1] / "notebooks" / "docs"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules_with_examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>>" in path.read_text(encoding="utf-8"):
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            yield name.removesuffix(".__init__")


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_examples_are_true(name):
    failed, tried = doctest.testmod(import_module(name), optionflags=FLAGS)
    plt.close("all")
    assert tried
    assert not failed


def test_the_reference_has_every_public_name():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.rst"))
    described = set(re.findall(r"^\.\. auto[a-z]+:: bayesgmm\.(\w+)$", pages, re.M))
    for module in re.findall(r"^\.\. automodule:: (\S+)\n   :members:$", pages, re.M):
        described |= {module.split(".")[-1], *import_module(module).__all__}
    missing = set(bayesgmm.__all__) - described
    assert not missing
