"""Light checkpoints: what samples are made with and images are read with, without what only training needs.

A checkpoint is made light in its own folder, one whole file after the other: light.safetensors is written, then checksums.json
names it in place of the files that go, then those are removed. A reader, and a process that is killed at any moment, therefore
finds the whole checkpoint or the light one.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Union

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ..files import atomic_write, regular, remove_temporaries, sha256, write_json
from .checkpoint import (
    CHECKSUMS,
    LIGHT,
    MALFORMED,
    OPTIMIZERS,
    STATE,
    WEIGHTS,
    DamagedCheckpoint,
    check_file,
    checksums_of,
    is_light,
    steps_on_disk,
    whole_steps,
)

Selection = Callable[[Mapping[str, np.ndarray]], Dict[str, np.ndarray]]  # all weights -> those that stay


def lighten_older(folder: Union[str, Path], step: int, select: Selection, whole: int, healthy_step: Optional[int] = None) -> None:
    """Make the checkpoints light that a run at `step` no longer needs to continue.

    Whole stay the newest `whole` checkpoints up to `step`, and the one to which the run would go back if it collapsed now: the newest
    up to `healthy_step`. A checkpoint that is damaged, or cannot be made light because the disk is full, stays as it is.

    Args:
        folder: The run's `checkpoints` folder.
        step: The step at which the run is.
        select: All weights, {name: array} -> those that sampling and reading need, see `Algorithm.light_weights`.
        whole: At least 1.
        healthy_step: The last step at which the samples looked healthy; None if nobody looks at them.
    """
    folder = Path(folder)
    needed = [one for one in whole_steps(folder) if one <= step]
    stays = {*needed[-whole:], max((one for one in needed if one <= (healthy_step or 0)), default=None)}
    for one in steps_on_disk(folder):
        if one <= step and one not in stays:
            with contextlib.suppress(*MALFORMED, DamagedCheckpoint, SafetensorError):
                lighten(folder / f"step-{one}", select)


def lighten(path: Path, select: Selection) -> None:
    """Make a checkpoint light; one that is light already loses what a killed process left in its folder.

    Raises:
        DamagedCheckpoint, SafetensorError, or one of `MALFORMED`: It is damaged, or cannot be written. It stays whole.
    """
    remove_temporaries(path, (LIGHT, CHECKSUMS))
    if not is_light(path):
        for name in (WEIGHTS, STATE):
            check_file(path, name)
        with atomic_write(path / LIGHT) as file:
            file.write(save(select(load_file(regular(path / WEIGHTS)))))
        of_whole = checksums_of(path)
        write_json(path / CHECKSUMS, {LIGHT: sha256(path / LIGHT), STATE: of_whole[STATE], WEIGHTS: of_whole[WEIGHTS]})
    for name in (WEIGHTS, OPTIMIZERS):
        (path / name).unlink(missing_ok=True)
