from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest

import bayesgmm
from bayesgmm.mixture import compilation

# Kernels that outlive a change


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write a module, and import it as a new process would."""
    monkeypatch.setattr(compilation, "_cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python's own cache would be stale

    def write_and_import(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text("from bayesgmm.mixture.compilation import jit\n" + source)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return write_and_import


INNER = "@jit\ndef inner(x):\n    return x + 1\n"
OUTER = "from inner import inner\n@jit\ndef outer(x):\n    return inner(x)\n"


def test_a_kernel_is_compiled_once_and_then_loaded(load):
    for hits, misses in [(0, 1), (1, 0)]:
        module = load("inner", INNER)
        assert module.inner(1.0) == 2
        assert module.inner.stats.cache_hits.total() == hits
        assert module.inner.stats.cache_misses.total() == misses


def test_a_kernel_notices_a_change_in_another_file_that_it_calls(load):
    load("inner", INNER)
    assert load("outer", OUTER).outer(1.0) == 2
    load("inner", INNER.replace("+ 1", "+ 2"))
    assert load("outer", OUTER).outer(1.0) == 3


def test_infinities_survive_the_flags(load):
    module = load("inner", INNER.replace("x + 1", "x - x"))
    assert str(module.inner(float("inf"))) == "nan"


def test_a_kernel_refuses_arrays_that_it_was_not_compiled_for(load):
    kernel = load("first", "@jit\ndef first(x):\n    return x[0]\n").first
    for _ in range(2):  # asking again does no harm
        compilation.compile_for(kernel, (1,), ())
    assert kernel(np.ones(3)) == 1
    with pytest.raises(TypeError):
        kernel([1.0])


# What the user is told


def test_long_compilation_is_announced_once(monkeypatch, capsys):
    monkeypatch.setattr(compilation, "PATIENCE", 0.01)
    monkeypatch.setattr(compilation, "_said", -np.inf)
    count = iter([0, 0, 1, 2, 3])
    monkeypatch.setattr(compilation, "_compiled_anew", lambda: next(count))
    with compilation.announce_compilation():
        time.sleep(0.2)
    assert capsys.readouterr().err == compilation.MESSAGE + "\n"


def test_loading_from_disk_is_silent_however_long_it_takes(monkeypatch, capsys):
    monkeypatch.setattr(compilation, "PATIENCE", 0.01)
    monkeypatch.setattr(compilation, "_compiled_anew", lambda: 7)
    with compilation.announce_compilation():
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


# Where the compiled code is kept


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The candidates, each of which a test can make unusable by putting a file in its place."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "chosen"))
    monkeypatch.setattr(compilation, "__file__", str(tmp_path / "package/mixture/compilation.py"))
    monkeypatch.setattr(compilation, "_user_cache", lambda: tmp_path / "user")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(compilation.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "package").mkdir()
    return tmp_path


def test_the_cache_goes_to_the_first_folder_that_can_be_written(places):
    for name in ["chosen", "package/__pycache__", "user"]:
        assert compilation._cache_root.__wrapped__() == places / name
        shutil.rmtree(places / name)
        (places / name).write_text("a file where the folder should be")
    last_resort = compilation._cache_root.__wrapped__()
    assert last_resort == compilation._cache_root.__wrapped__()
    assert last_resort.parent == places / "temporary"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_a_temporary_folder_that_others_may_write_is_not_used(places):
    suspicious = places / "temporary" / f"bayesgmm-{os.getuid()}"
    suspicious.mkdir()
    suspicious.chmod(0o777)
    assert compilation._private_temporary_folder() != suspicious


# An installation where nothing but the temporary folder can be written

SCRIPT = """
import json
from bayesgmm.mixture import kernels
every = kernels.estep, kernels.pointwise, kernels.responsibilities
for kernel in every:
    for diagonal in (False, True):
        kernels.compile_kernel(kernel, diagonal)
stats = [kernel.stats for kernel in every]
print(json.dumps({
    "place": stats[0].cache_path,
    "hits": [s.cache_hits.total() for s in stats],
    "misses": [s.cache_misses.total() for s in stats],
}))
"""


def test_kernels_compile_once_per_installation_even_if_it_is_read_only(tmp_path):
    copy = tmp_path / "bayesgmm"
    shutil.copytree(
        Path(bayesgmm.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    for blocked in (copy / "__pycache__", tmp_path / "home"):
        blocked.write_text("a file where the folder should be")
    home = str(tmp_path / "home")
    (tmp_path / "temporary").mkdir()
    surroundings = {
        **{key: value for key, value in os.environ.items() if not key.startswith("NUMBA")},
        **dict.fromkeys(["HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"], home),
        **dict.fromkeys(["TMPDIR", "TEMP", "TMP"], str(tmp_path / "temporary")),
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def process():
        run = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(
            run, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout), done.stderr

    first, told = process()
    assert first["misses"] == [2, 2, 2]
    assert told == compilation.MESSAGE + "\n"
    second, told = process()
    assert second == {"place": first["place"], "hits": [2, 2, 2], "misses": [0, 0, 0]}
    assert told == ""
    assert Path(second["place"]).is_relative_to(tmp_path / "temporary")
