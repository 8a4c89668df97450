"""What real images alone decide is worked out once and kept in the cache, beside what feature networks read in them.

A name holds all that a kept number depends on: the images, the code of the metrics, the libraries and the number of threads. What is
missing, damaged or cannot be written only costs the time to work it out again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Mapping

import numpy as np
import scipy
import sklearn
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .. import metrics, runtime
from ..data.cache import told_if_not_kept
from ..files import atomic_write, cache_folder, read_json, regular, write_json

DAMAGED = (OSError, ValueError, SafetensorError, KeyError, TypeError)


def folder_of(network: str) -> Path:
    """The folder in which what belongs to a feature network is kept."""
    return cache_folder() / f"features-{network}"


def path_of(network: str, name: str, ending: str, *key: Any) -> Path:
    """The file of numbers that the metrics' functions work out.

    Args:
        network: the name of the feature network.
        name, ending: what the file's name begins and ends with.
        key: which images, and whatever else the numbers depend on.
    """
    versions = [np.__version__, scipy.__version__, sklearn.__version__, runtime.cpu_threads()]
    digest = hashlib.sha256(json.dumps([_code_of_metrics(), versions, key]).encode()).hexdigest()
    return folder_of(network) / f"{name}-{digest[:16]}{ending}"


@functools.cache
def _code_of_metrics() -> str:
    digest, here = hashlib.sha256(), Path(__file__).parent
    for path in [*sorted(Path(metrics.__file__).parent.glob("*.py")), here / "reference.py", here / "registry.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_of_metrics(function: str) -> bool:
    """Whether the code of a "module:function" is among what a name holds."""
    return function.startswith(f"{metrics.__name__}.")


def arrays(
    path: Path, make: Callable[[], Mapping[str, np.ndarray]], fits: Callable[[Mapping[str, np.ndarray]], bool] = lambda kept: True
) -> Dict[str, np.ndarray]:
    """The arrays in a file if they fit, else what `make` gives, which is kept in it."""
    with contextlib.suppress(*DAMAGED):
        found = load(regular(path).read_bytes())
        if fits(found):
            return found
    made = {name: np.ascontiguousarray(array) for name, array in make().items()}
    with told_if_not_kept():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(save(made))
    return made


def read_entries(path: Path) -> Dict[str, Any]:
    """The entries, dicts by name, in a file; {} where there is none."""
    with contextlib.suppress(*DAMAGED):
        found = read_json(path)
        return found if isinstance(found, dict) and all(isinstance(value, dict) for value in found.values()) else {}
    return {}


def add_entries(path: Path, values: Mapping[str, Any]) -> None:
    """Add to the entries in a file."""
    if values:
        with told_if_not_kept():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {**read_entries(path), **values})
