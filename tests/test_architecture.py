"""What the house promises: imports go down only, and nobody waits for what they do not use."""

import ast
import subprocess
import sys
from pathlib import Path

import bayesgmm

PACKAGE = Path(bayesgmm.__file__).parent
# Each floor may import itself and the floors before it.
FLOORS = [
    "mixture",
    "results",
    "priors",
    "em",
    "sklearn",
    "bayes",
    "selection",
    "datasets",
    "plots",
    "loading",
    "report",
    "cli",
]
UPPER_ONLY = {"pymc", "pytensor", "arviz", "arviz_stats", "nutpie", "matplotlib", "rich", "typer"}


def imports(path):
    """Absolute names of the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_imports_go_down_only():
    for path in PACKAGE.rglob("*.py"):
        floor = floor_of(path)
        if floor not in FLOORS:
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "bayesgmm" and len(parts) > 1 and parts[1] in FLOORS:
                assert FLOORS.index(parts[1]) <= FLOORS.index(floor), f"{path} imports {name}"


def test_only_results_and_above_know_labelled_arrays():
    for path in (PACKAGE / "mixture").rglob("*.py"):
        assert not {"xarray", "pandas"} & {name.split(".")[0] for name in imports(path)}, path


def test_em_does_not_wait_for_scipys_distributions():
    """They take longer to import than a small fit takes to run."""
    for floor in ("mixture", "priors", "em"):
        for path in (PACKAGE / floor).rglob("*.py"):
            assert not any(name.startswith("scipy.stats") for name in imports(path)), path


def loaded_after(code):
    program = f"import sys; {code}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_loads_next_to_nothing():
    loaded = loaded_after("import bayesgmm")
    assert not loaded & {"numpy", "numba", "pandas", "xarray", *UPPER_ONLY}


def test_em_and_loading_do_not_wait_for_the_bayesian_half():
    loaded = loaded_after(
        "import bayesgmm; bayesgmm.fit_em; bayesgmm.Priors; bayesgmm.load; bayesgmm.compare; "
        "bayesgmm.select; bayesgmm.Selection"
    )
    assert not loaded & (UPPER_ONLY - {"rich"})


def test_every_public_name_is_there():
    for name in bayesgmm.__all__:
        assert getattr(bayesgmm, name) is not None
    assert set(bayesgmm.__all__) <= set(dir(bayesgmm))
