"""How numbers are written, with as many digits as are worth reading, and which lines warn."""

from __future__ import annotations

from math import floor, isfinite, log10


def digits(sd: float) -> str:
    """Choose the format that shows two digits of the standard deviation."""
    if not 1e-5 < sd < 1e7:
        return ".4g"
    return f".{max(0, 1 - floor(log10(sd)))}f"


def known(value: float, written: str) -> str:
    """Format a number; what is constant, such as the weight of a single component, has none."""
    return f"{value:{written}}" if isfinite(value) else "-"


def is_warning(line: str) -> bool:
    """Whether a line of a headline warns."""
    return "WARNING" in line or "NOT converged" in line
