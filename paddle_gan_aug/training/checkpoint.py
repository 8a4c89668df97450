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

_NAME = re.compile(r"step-(0|[1-9][0-9]{0,17})")
INCOMPLETE = ".incomplete"
LARGEST_SIDE = 4096  # of an image, in pixels or channels
BEST = "best.json"
LATENTS = "fixed/latents"  # beside the weights: the latents of every grid of this run
MALFORMED = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what reading a file of somebody else's may raise


class DamagedCheckpoint(Exception):
    """A checkpoint that does not hold what was written; the message names the file."""


def save_checkpoint(folder, step, algorithm, latents, state, keep, best=None):
    """Write `folder/step-<step>` and remove the oldest ones beyond the newest `keep`, except those that one of them calls the best.

    Args:
        folder: the run's `checkpoints` folder, which exists.
        latents: float32 [N, latent_dim], the fixed latents of the grids, or None.
        state: a dict of plain values that describes where the run stands and where it came from.
        keep: how many checkpoints stay.
        best: {"step", "metric", "value"} of the best one so far, perhaps this one; None = nothing was measured. It belongs to the state,
            since a run that goes back to this checkpoint knows of no better one; best.json repeats it.

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
    write_json(temporary / "state.json", {"step": step, "algorithm": algorithm.state(), "best": best, **state})
    checksums = {}
    for path in sorted(temporary.iterdir()):
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        checksums[path.name] = sha256(path)
    write_json(temporary / "checksums.json", checksums)
    sync_folder(temporary)
    if final.exists():  # the same step again after a resume from an older one
        remove_checkpoint(folder, step)
    os.rename(temporary, final)
    sync_folder(folder)
    note_best(folder, best)
    newest = steps_on_disk(folder)[-keep:]
    stays = {*newest, best_step(folder), *(_best_of(peek(folder, kept)) for kept in newest)}
    for old in steps_on_disk(folder):
        if old not in stays:
            remove_checkpoint(folder, old)
    return final


def remove_checkpoint(folder, step):
    """Remove a checkpoint, all of it at once for whoever reads the folder."""
    path, gone = Path(folder) / f"step-{step}", Path(folder) / f".removed-{step}{INCOMPLETE}"
    shutil.rmtree(gone, ignore_errors=True)  # of a process that was killed here
    os.rename(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def note_best(folder, best):
    """Make best.json name `best`, {"step", "metric", "value"}; None = there is to be none."""
    path = Path(folder) / BEST
    if best:
        write_json(path, best)
    else:
        path.unlink(missing_ok=True)


def best_noted(folder, step):
    """What best.json says, for checkpoints that do not name the best themselves; None where it says nothing of up to `step`."""
    try:
        best = json.loads((Path(folder) / BEST).read_text(encoding="utf-8"))
        return best if best["step"] in steps_on_disk(folder) and best["step"] <= step else None
    except MALFORMED:
        return None


def best_of(folder):
    """The best measure that the newest checkpoint knows of, {"step", "metric", "value"}, or None."""
    steps = steps_on_disk(folder)
    newest = peek(folder, steps[-1]) if steps else {}
    best = newest["best"] if "best" in newest else best_noted(folder, steps[-1]) if steps else None
    return best if _best_of({"best": best}) is not None else None


def best_step(folder):
    """The step of the best checkpoint, or None: nothing was measured, or it is gone."""
    best = best_of(folder)
    return best["step"] if best and best["step"] in steps_on_disk(folder) else None


def _best_of(state):
    best = state.get("best")
    return best.get("step") if isinstance(best, dict) and type(best.get("step")) is int else None


def peek(folder, step):
    """What a checkpoint says of itself in state.json, its checksums not looked at; {} where that cannot be read."""
    try:
        state = json.loads((Path(folder) / f"step-{step}" / "state.json").read_text(encoding="utf-8"))
        return state if isinstance(state, dict) else {}
    except MALFORMED:
        return {}


def steps_on_disk(folder):
    """The steps of the complete checkpoints in `folder`, ascending; [] when there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    found = [match for match in map(_NAME.fullmatch, os.listdir(folder)) if match]
    return sorted(int(match[1]) for match in found if (folder / match[0]).is_dir())


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
        return _checked(json.loads((path / "state.json").read_text(encoding="utf-8")), path)
    except MALFORMED as error:
        raise DamagedCheckpoint(f"{path}: {_reason(error)}") from None


def _checked(state, path):
    """`state`, if it is what a checkpoint of this place says of itself; the networks are built by it."""
    shape, names = state["image_shape"], state["data"]["class_names"]
    if type(state["step"]) is not int or path.name != f"step-{state['step']}":
        raise ValueError(f"state.json is of step {state['step']}")
    if len(shape) != 3 or any(type(side) is not int or not 1 <= side <= LARGEST_SIDE for side in shape):
        raise ValueError(f"state.json has the image shape {shape}")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("state.json has class names that are no texts")
    if not isinstance(state.get("callbacks", {}), dict) or not isinstance(state.get("best") or {}, dict):
        raise ValueError("state.json holds no states of callbacks, or no best step")
    return state


def _reason(error):
    """An error's text in one line, with what is missing in words."""
    return f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())


def load_checkpoint(path, state, algorithm, optimizers=True, adopt=False):
    """Set `algorithm` from a checkpoint whose state, from `read_state`, is `state`.

    Args:
        optimizers: the optimizers' moments too.
        adopt: the networks may differ in their normalisation: take the weights that fit, and no moments.

    Returns:
        The fixed latents, or None.

    Raises:
        DamagedCheckpoint: the files are damaged, or belong to other networks.
    """
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
    except (*MALFORMED, AssertionError, SafetensorError) as error:  # Paddle asserts that shapes and types fit
        raise DamagedCheckpoint(f"{path}: {_reason(error)}") from None
    return latents


def load_newest(folder, algorithm_for, steps=None, optimizers=True, warn=None, adopts=lambda state: False):
    """The newest undamaged checkpoint in `folder`; damaged ones are reported through `warn` (default: stderr).

    Args:
        algorithm_for: state dict -> the algorithm to set. adopts: state dict -> `adopt` of `load_checkpoint`.
        steps: which checkpoints may be used, ascending; None = all on disk.
        optimizers: see `load_checkpoint`.

    Returns:
        (algorithm, state, latents), or None when there is no usable checkpoint.
    """
    warn = warn or (lambda text: print(text, file=sys.stderr))
    for step in reversed(steps_on_disk(folder) if steps is None else steps):
        path = Path(folder) / f"step-{step}"
        try:
            state = read_state(path)
            algorithm = algorithm_for(state)
            return algorithm, state, load_checkpoint(path, state, algorithm, optimizers, adopts(state))
        except DamagedCheckpoint as damage:
            warn(f"damaged checkpoint skipped: {damage}")
    return None
