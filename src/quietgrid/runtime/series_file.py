"""Imported readings as one .npz file: what `quietgrid import --out` writes and the simulated meters read.

Columns: ``names`` str [n], ``meters`` uint64 [n], ``imported_wh`` and ``exported_wh`` int32 [n, t], ``present`` packed
bits, ``window`` int64 (first slot, end slot, resolution), ``tz``, ``notes``. Never pickled. Privacy: open readings; the
file is readable by its owner alone.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from quietgrid.errors import QuietgridError, SourceError
from quietgrid.model.interval import Window
from quietgrid.model.readings import Readings
from quietgrid.wire.columns import pack_bits, unpack_bits
from quietgrid.wire.series import Series


def save_series(series: Series, path: Path) -> None:
    """Write readings to a file, whole or not at all."""
    readings = series.readings
    window = readings.window
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        np.savez_compressed(
            file,
            names=np.array(series.names),
            meters=readings.meters,
            imported_wh=readings.imported_wh.astype(np.int32),
            exported_wh=readings.exported_wh.astype(np.int32),
            present=np.frombuffer(pack_bits(readings.present), np.uint8),
            window=np.array([window.first, window.end, window.resolution], np.int64),
            tz=np.array(series.tz),
            notes=np.array(series.notes, dtype=np.str_),
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def load_series(path: Path) -> Series:
    """Read such a file.

    Raises:
        SourceError: there is none, or it is not one of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            first, end, resolution = held["window"].tolist()
            window = Window(first, end, resolution)
            shape = (len(held["meters"]), len(window))
            readings = Readings(
                held["meters"].astype(np.uint64), window, held["imported_wh"].astype(np.int64),
                held["exported_wh"].astype(np.int64), unpack_bits(held["present"].tobytes(), *shape),
            )  # fmt: skip
            return Series(tuple(held["names"].tolist()), readings, str(held["tz"]), tuple(held["notes"].tolist()))
    except FileNotFoundError as error:
        raise SourceError("there is no such file", where=str(path), fix="make it by `quietgrid import`") from error
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, QuietgridError) as error:
        raise SourceError("not a file of readings", where=str(path), fix="make it by `quietgrid import`") from error
