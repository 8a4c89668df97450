"""Arrays that took long to make, kept as npz files. A cache that is missing or damaged only costs the time to make them again."""

import contextlib
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from ..files import atomic_write, regular


def load(path: Path) -> Optional[Dict[str, np.ndarray]]:
    """Return {name: array} of a file; None if it is missing or damaged."""
    try:
        with open(regular(path), "rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load by name leaves a broken file open
            return {name: file[name] for name in file.files}
    except Exception:  # noqa: BLE001 - see the module
        return None


def save(path: Path, arrays: Dict[str, np.ndarray]) -> None:
    """Write {name: array}, whole or not at all, into a folder that is made if it is missing."""
    with contextlib.suppress(OSError):  # a full disk or a read-only folder must not keep anyone from the data
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            np.savez(file, **arrays)
