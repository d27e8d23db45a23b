"""Files: labelled trees in zarr or netCDF, by the file's suffix. Never a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from bayesgmm.mixture.errors import InputError

_REMEDY = "use a name that ends in '.nc' (netCDF) or '.zarr'"


def write(tree: xr.DataTree, path: str | Path) -> None:
    """Write a tree, replacing what was there.

    Parameters
    ----------
    tree : xarray.DataTree
        What to write.
    path : path-like
        File name ending in ``.nc`` (netCDF, one file) or ``.zarr`` (a folder).

    Raises
    ------
    InputError
        If the suffix is neither, or the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot save to {str(path)!r}: there is no folder {str(path.parent)!r}")
    if path.suffix == ".nc":
        tree.to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".zarr":
        tree.to_zarr(path, mode="w", consolidated=False)
    else:
        raise InputError(f"cannot save to {str(path)!r}: {_REMEDY}")


def read(path: str | Path) -> xr.DataTree:
    """Read a tree into memory.

    Raises
    ------
    InputError
        If there is no such file, or it is not of a known kind.
    """
    path = Path(path)
    options: dict[str, dict[str, Any]] = {
        ".nc": {"engine": "h5netcdf"},
        ".zarr": {"engine": "zarr", "consolidated": False},
    }
    if path.suffix not in options:
        raise InputError(f"cannot load {str(path)!r}: {_REMEDY}")
    if not path.exists():
        raise InputError(f"cannot load {str(path)!r}: there is no such file")
    try:
        with xr.open_datatree(path, **options[path.suffix]) as tree:
            return tree.load()
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"cannot load {str(path)!r}: it is not a saved fit ({error})") from error
