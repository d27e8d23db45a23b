"""``bayesgmm datasets``."""

from __future__ import annotations

from bayesgmm.cli.words import stdout


def datasets() -> None:
    """List the data sets that are shipped.

    For example:

    bayesgmm datasets
    """
    from rich.table import Table

    from bayesgmm.datasets import DATASETS

    table = Table("name", "rows", "features", "what it is", "source", box=None, pad_edge=False)
    for name, known in DATASETS.items():
        table.add_row(name, str(known.n_rows), str(len(known.features)), known.about, known.source)
    stdout().print(table)
