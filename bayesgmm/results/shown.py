"""How results look: a few lines of words, then a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

_NUMBER = "{:.4g}".format


def as_text(headline: Sequence[str], table: pd.DataFrame) -> str:
    """Show words and table where there is only text."""
    return "\n".join([*headline, "", table.to_string(float_format=_NUMBER)])


def as_html(headline: Sequence[str], table: pd.DataFrame) -> str:
    """Show words and table in a notebook."""
    return words_as_html(headline) + table.to_html(float_format=_NUMBER, border=0)


def words_as_html(headline: Sequence[str]) -> str:
    """Show words alone in a notebook, the first line as a title."""
    title, *lines = (escape(line.strip()) for line in headline)
    return f"<b>{title}</b><br>{'<br>'.join(lines)}"
