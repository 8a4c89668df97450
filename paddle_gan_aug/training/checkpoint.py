"""Checkpoints: everything that a run needs to continue, written whole or not at all, without pickle.

`step-<n>/` holds weights.safetensors, optimizers.safetensors, state.json and checksums.json. It is written under a
temporary name, synchronised with the disk and then renamed, so a reader sees a complete checkpoint or none. A light
checkpoint has light.safetensors in place of the first two; `light` makes it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..errors import RunFailed
from ..files import read_json, regular, sha256, sync_folder, write_json

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm

_NAME = re.compile(r"step-(0|[1-9][0-9]{0,17})")
Best = Optional[Dict[str, Any]]  # {"step", "metric", "value"} of the best checkpoint
PathLike = Union[str, Path]
INCOMPLETE = ".incomplete"
LARGEST_SIDE = 4096  # of an image, in pixels or channels
BEST = "best.json"
WEIGHTS, OPTIMIZERS, STATE, CHECKSUMS = "weights.safetensors", "optimizers.safetensors", "state.json", "checksums.json"
LIGHT = "light.safetensors"  # of a light checkpoint: the weights that sampling and reading need
LATENTS = "fixed/latents"  # beside the weights: the latents of every grid of the run
MALFORMED = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what reading a damaged file may raise


class DamagedCheckpoint(Exception):
    """A checkpoint that does not hold what was written; the message names the file."""


def save_checkpoint(
    folder: PathLike,
    step: int,
    algorithm: Algorithm,
    latents: Optional[np.ndarray],
    state: Mapping[str, Any],
    keep: int,
    best: Best = None,
    healthy_step: Optional[int] = None,
) -> Path:
    """Write `folder/step-<step>`, and remove the others but for the newest `keep`, the one to go back to, and what one of these calls best.

    Args:
        folder: The run's `checkpoints` folder, which exists.
        step: The step of the checkpoint.
        algorithm: What is saved.
        latents: float32 [N, latent_dim], the fixed latents of the grids, or None.
        state: A dict of plain values that describes where the run stands and where it came from.
        keep: How many checkpoints stay.
        best: {"step", "metric", "value"} of the best checkpoint so far, perhaps this one; None means that nothing was measured. It is
            part of the state, because a run that goes back to this checkpoint knows of no better one; best.json repeats it.
        healthy_step: If the run collapsed now, it would go back to the newest whole checkpoint up to this step; None if to none.

    Returns:
        The path of the new checkpoint.

    Raises:
        RunFailed: It cannot be written. The checkpoints on the disk are as they were.
    """
    folder = Path(folder)
    temporary = folder / f".step-{step}{INCOMPLETE}"
    for leftover in folder.glob(f".*{INCOMPLETE}"):  # left by a process that was killed while it saved
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        return _save(folder, temporary, step, algorithm, latents, state, keep, best, healthy_step)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        newest = max(steps_on_disk(folder), default=None)
        kept = "there is none before it" if newest is None else f"the one of step {newest} is whole"
        raise RunFailed(
            f"cannot save the checkpoint of step {step} in {folder} ({error}); {kept}; make room, then resume the run"
        ) from None


def _save(
    folder: Path,
    temporary: Path,
    step: int,
    algorithm: Algorithm,
    latents: Optional[np.ndarray],
    state: Mapping[str, Any],
    keep: int,
    best: Best,
    healthy_step: Optional[int],
) -> Path:
    final = folder / f"step-{step}"
    temporary.mkdir()
    weights = algorithm.weights()
    if latents is not None:
        weights[LATENTS] = latents
    for name, arrays in ((WEIGHTS, weights), (OPTIMIZERS, algorithm.optimizer_state())):
        save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, temporary / name)
    write_json(temporary / STATE, {"step": step, "algorithm": algorithm.state(), "best": best, **state})
    checksums = {}
    for path in sorted(temporary.iterdir()):
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        checksums[path.name] = sha256(path)
    write_json(temporary / CHECKSUMS, checksums)
    sync_folder(temporary)
    if final.exists():  # the same step again after a resume from an older one
        remove_checkpoint(folder, step)
    os.rename(temporary, final)
    sync_folder(folder)
    note_best(folder, best)
    needed = {*steps_on_disk(folder)[-keep:], *[one for one in whole_steps(folder) if one <= (healthy_step or 0)][-1:]}
    stays = {*needed, best_step(folder), *(_best_of(peek(folder, one)) for one in needed)}
    for old in steps_on_disk(folder):
        if old not in stays:
            remove_checkpoint(folder, old)
    return final


def remove_checkpoint(folder: PathLike, step: int) -> None:
    """Remove a checkpoint. Readers of the folder see all of it or nothing."""
    path, gone = Path(folder) / f"step-{step}", Path(folder) / f".removed-{step}{INCOMPLETE}"
    shutil.rmtree(gone, ignore_errors=True)  # left by a process that was killed here
    os.rename(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def note_best(folder: PathLike, best: Best) -> None:
    """Write `best`, {"step", "metric", "value"}, to best.json; None removes the file."""
    path = Path(folder) / BEST
    if best:
        write_json(path, best)
    else:
        path.unlink(missing_ok=True)


def best_noted(folder: PathLike, step: int) -> Best:
    """What best.json says, for checkpoints that do not name the best themselves; None if it names no step up to `step`."""
    try:
        best = read_json(Path(folder) / BEST)
        return best if best["step"] in steps_on_disk(folder) and best["step"] <= step else None
    except MALFORMED:
        return None


def best_of(folder: PathLike) -> Best:
    """The best measure that the newest checkpoint knows, {"step", "metric", "value"}, or None."""
    steps = steps_on_disk(folder)
    newest = peek(folder, steps[-1]) if steps else {}
    best = newest["best"] if "best" in newest else best_noted(folder, steps[-1]) if steps else None
    return best if _best_of({"best": best}) is not None else None


def best_step(folder: PathLike) -> Optional[int]:
    """The step of the best checkpoint; None if nothing was measured, or the checkpoint is gone."""
    best = best_of(folder)
    return best["step"] if best and best["step"] in steps_on_disk(folder) else None


def _best_of(state: Mapping[str, Any]) -> Optional[int]:
    best = state.get("best")
    return best.get("step") if isinstance(best, dict) and type(best.get("step")) is int else None


def peek(folder: PathLike, step: int) -> Dict[str, Any]:
    """A checkpoint's state.json, read without its checksums; {} if it cannot be read."""
    try:
        state = read_json(Path(folder) / f"step-{step}" / STATE)
        return state if isinstance(state, dict) else {}
    except MALFORMED:
        return {}


def steps_on_disk(folder: PathLike) -> List[int]:
    """The steps of the complete checkpoints in `folder`, ascending; [] if there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    found = [match for match in map(_NAME.fullmatch, os.listdir(folder)) if match]
    return sorted(int(match[1]) for match in found if (folder / match[0]).is_dir())


def read_state(path: PathLike) -> Dict[str, Any]:
    """A checkpoint's state.json, read after every file was checked against its checksum.

    Raises:
        DamagedCheckpoint: A file is missing, cut short or altered.
    """
    path = Path(path)
    try:
        for name in (LIGHT, STATE) if is_light(path) else (WEIGHTS, OPTIMIZERS, STATE):
            check_file(path, name)
        return _checked(read_json(path / STATE), path)
    except MALFORMED as error:
        raise DamagedCheckpoint(f"{path}: {_reason(error)}") from None


def checksums_of(path: PathLike) -> Dict[str, str]:
    """{file name: SHA-256} of a checkpoint; that of the weights is there for a light checkpoint too, which was made from them.

    Raises:
        One of `MALFORMED`.
    """
    checksums = read_json(Path(path) / CHECKSUMS)
    if not isinstance(checksums, dict):
        raise ValueError(f"{CHECKSUMS} holds no checksums")
    return checksums


def check_file(path: Path, name: str) -> None:
    """Check a file of a checkpoint against its checksum.

    Raises:
        DamagedCheckpoint: They differ. One of `MALFORMED`: there is no such file, or no checksum.
    """
    if sha256(path / name) != checksums_of(path)[name]:
        raise DamagedCheckpoint(f"{path / name} does not match its checksum")


def is_light(path: PathLike) -> bool:
    """Whether a checkpoint is light: its images are those of the whole one, but training cannot continue from it."""
    try:
        return LIGHT in checksums_of(path)
    except MALFORMED:
        return False


def whole_steps(folder: PathLike) -> List[int]:
    """Those of `steps_on_disk` whose checkpoints training can continue from."""
    return [step for step in steps_on_disk(folder) if not is_light(Path(folder) / f"step-{step}")]


def _checked(state: Dict[str, Any], path: Path) -> Dict[str, Any]:
    """`state`, if it is the state of the checkpoint at `path`. The networks are built from it."""
    shape, names = state["image_shape"], state["data"]["class_names"]
    if type(state["step"]) is not int or path.name != f"step-{state['step']}":
        raise ValueError(f"state.json is of step {state['step']}")
    if len(shape) != 3 or any(type(side) is not int or not 1 <= side <= LARGEST_SIDE for side in shape):
        raise ValueError(f"state.json has the image shape {shape}")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("state.json has class names that are not strings")
    if not isinstance(state.get("callbacks", {}), dict) or not isinstance(state.get("best") or {}, dict):
        raise ValueError("state.json has no valid states of callbacks, or no valid best step")
    return state


def _reason(error: BaseException) -> str:
    """The text of an error in one line."""
    return f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())


def load_checkpoint(
    path: Path, state: Mapping[str, Any], algorithm: Algorithm, optimizers: bool = True, adopt: bool = False
) -> Optional[np.ndarray]:
    """Set `algorithm` from a checkpoint whose state, from `read_state`, is `state`.

    Args:
        path: The folder of the checkpoint.
        state: What `read_state` returned.
        algorithm: What is set.
        optimizers: Set the moments of the optimizers too.
        adopt: The networks may differ in their normalisation: take the weights that fit, and no moments.

    Returns:
        The fixed latents, or None.

    Raises:
        DamagedCheckpoint: The files are damaged, or belong to other networks.
    """
    try:
        light = is_light(path)
        weights = load_file(regular(path / (LIGHT if light else WEIGHTS)))
        latents = weights.pop(LATENTS, None)
        if adopt:
            algorithm.adopt_weights(weights)
        else:
            algorithm.load_weights(weights, light)
        if optimizers and not adopt:
            algorithm.load_optimizer_state(load_file(regular(path / OPTIMIZERS)))
            algorithm.load_state(state.get("algorithm", {}))
    except (*MALFORMED, AssertionError, SafetensorError) as error:  # Paddle asserts that shapes and types fit
        raise DamagedCheckpoint(f"{path}: {_reason(error)}") from None
    return latents


def load_newest(
    folder: PathLike,
    algorithm_for: Callable[[Dict[str, Any]], Algorithm],
    steps: Optional[Sequence[int]] = None,
    optimizers: bool = True,
    warn: Optional[Callable[[str], Any]] = None,
    adopts: Callable[[Dict[str, Any]], bool] = lambda state: False,
) -> Optional[Tuple[Algorithm, Dict[str, Any], Optional[np.ndarray]]]:
    """Load the newest undamaged checkpoint in `folder`.

    To continue the training, give the `steps` of whole checkpoints.

    Args:
        folder: The run's `checkpoints` folder.
        algorithm_for: State dict -> the algorithm to set.
        steps: The checkpoints that may be used, ascending; None means all on the disk.
        optimizers: See `load_checkpoint`.
        warn: Takes a line for each damaged checkpoint; None means standard error.
        adopts: State dict -> `adopt` of `load_checkpoint`.

    Returns:
        (algorithm, state, latents), or None if there is no usable checkpoint.
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
