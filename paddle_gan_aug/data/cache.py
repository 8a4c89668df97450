"""Arrays that took long to make, kept as npz; whatever is wrong with a cache only costs the time to make them again."""

import contextlib

import numpy as np

from ..files import atomic_write


def load(path):
    """{name: array} of the file, or None where it is missing or damaged."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load by name leaves a broken file open
            return {name: file[name] for name in file.files}
    except Exception:  # noqa: BLE001 - see the module
        return None


def save(path, arrays):
    """Write {name: array} whole or not at all, in a folder that is made if need be."""
    with contextlib.suppress(OSError):  # a full disk or a read-only folder must not keep anyone from the data
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            np.savez(file, **arrays)
