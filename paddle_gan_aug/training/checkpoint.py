"""Checkpoints: everything a run needs to go on, written whole or not at all, without pickle.

`step-<n>/` holds weights.safetensors, optimizers.safetensors, state.json and checksums.json. It is written under a
temporary name, put on the disk, and renamed; a reader therefore sees a complete checkpoint or none.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..errors import RunFailed
from ..files import sha256, sync_folder, write_json

_NAME = re.compile(r"step-(\d+)")
INCOMPLETE = ".incomplete"
BEST = "best.json"
LATENTS = "fixed/latents"  # beside the weights: the latents of every grid of this run


class DamagedCheckpoint(Exception):
    """A checkpoint that does not hold what was written; the message names the file."""


def save_checkpoint(folder, step, algorithm, latents, state, keep, best=None):
    """Write `folder/step-<step>` and remove the oldest ones beyond the newest `keep`, except the best.

    Args:
        folder: the run's `checkpoints` folder, which exists.
        latents: float32 [N, latent_dim], the fixed latents of the grids, or None.
        state: a dict of plain values that describes where the run stands and where it came from.
        keep: how many checkpoints stay.
        best: {"metric", "value"} when this one is the best so far; best.json then names it.

    Returns:
        The path of the new checkpoint.

    Raises:
        RunFailed: it cannot be written; the checkpoints on disk are as they were.
    """
    folder = Path(folder)
    temporary = folder / f".step-{step}{INCOMPLETE}"
    for leftover in folder.glob(f".*{INCOMPLETE}"):  # of a process that was killed while it saved
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        return _save(folder, temporary, step, algorithm, latents, state, keep, best)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        newest = max(steps_on_disk(folder), default=None)
        kept = "there is none before it" if newest is None else f"the one of step {newest} is whole"
        raise RunFailed(
            f"cannot save the checkpoint of step {step} in {folder} ({error}); {kept}; make room, then go on with --resume"
        ) from None


def _save(folder, temporary, step, algorithm, latents, state, keep, best):
    final = folder / f"step-{step}"
    temporary.mkdir()
    weights = algorithm.weights()
    if latents is not None:
        weights[LATENTS] = latents
    for name, arrays in (("weights", weights), ("optimizers", algorithm.optimizer_state())):
        save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, temporary / f"{name}.safetensors")
    write_json(temporary / "state.json", {"step": step, "algorithm": algorithm.state(), **state})
    checksums = {}
    for path in sorted(temporary.iterdir()):
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        checksums[path.name] = sha256(path)
    write_json(temporary / "checksums.json", checksums)
    sync_folder(temporary)
    if final.exists():  # the same step again after a resume from an older one
        shutil.rmtree(final)
    os.rename(temporary, final)
    sync_folder(folder)
    if best:
        write_json(folder / BEST, {"step": step, **best})
    stays = best_step(folder)
    for old in sorted(steps_on_disk(folder))[:-keep]:
        if old != stays:
            shutil.rmtree(folder / f"step-{old}")
    return final


def best_step(folder):
    """The step of the best checkpoint, or None: nothing was measured, or it is gone."""
    try:
        step = json.loads((Path(folder) / BEST).read_text(encoding="utf-8"))["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if step in steps_on_disk(folder) else None


def steps_on_disk(folder):
    """The steps of the complete checkpoints in `folder`, ascending; [] when there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, os.listdir(folder)) if match)


def read_state(path):
    """A checkpoint's state.json, after checking every file against its checksum.

    Raises:
        DamagedCheckpoint: a file is missing, cut short or altered.
    """
    path = Path(path)
    try:
        checksums = json.loads((path / "checksums.json").read_text(encoding="utf-8"))
        for name in ("weights.safetensors", "optimizers.safetensors", "state.json"):
            if sha256(path / name) != checksums[name]:
                raise DamagedCheckpoint(f"{path / name} does not match its checksum")
        return json.loads((path / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"{path}: {error}") from None


def remove_checkpoints(folder, after):
    """Remove the checkpoints of steps beyond `after` (a run that rolled back makes them anew)."""
    for step in steps_on_disk(folder):
        if step > after:
            shutil.rmtree(Path(folder) / f"step-{step}")


def load_checkpoint(path, algorithm, optimizers=True, adopt=False):
    """Set `algorithm` from a checkpoint.

    Args:
        optimizers: the optimizers' moments too.
        adopt: the networks may differ in their normalisation: take the weights that fit, and no moments.

    Returns:
        (state dict, fixed latents or None).

    Raises:
        DamagedCheckpoint: the files are damaged, or belong to other networks.
    """
    path = Path(path)
    state = read_state(path)
    try:
        weights = load_file(path / "weights.safetensors")
        latents = weights.pop(LATENTS, None)
        if adopt:
            algorithm.adopt_weights(weights)
        else:
            algorithm.load_weights(weights)
        if optimizers and not adopt:
            algorithm.load_optimizer_state(load_file(path / "optimizers.safetensors"))
            algorithm.load_state(state.get("algorithm", {}))
    except (OSError, ValueError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{path}: {error}") from None
    return state, latents


def load_newest(folder, algorithm_for, steps=None, optimizers=True, warn=None, adopt=False):
    """The newest undamaged checkpoint in `folder`; damaged ones are reported through `warn` (default: stderr).

    Args:
        algorithm_for: state dict -> the algorithm to set.
        steps: which checkpoints may be used, ascending; None = all on disk.
        optimizers, adopt: see `load_checkpoint`.

    Returns:
        (algorithm, state, latents), or None when there is no usable checkpoint.
    """
    warn = warn or (lambda text: print(text, file=sys.stderr))
    for step in reversed(steps_on_disk(folder) if steps is None else steps):
        path = Path(folder) / f"step-{step}"
        try:
            algorithm = algorithm_for(read_state(path))
            return (algorithm, *load_checkpoint(path, algorithm, optimizers, adopt))
        except DamagedCheckpoint as damage:
            warn(f"damaged checkpoint skipped: {damage}")
    return None
