"""Which run one may continue, and with which settings and data: those that it has learnt so far."""

import contextlib
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ..algorithms.checks import check_config
from ..algorithms.registry import ALGORITHMS
from ..config.loading import Config, load_config, to_flat
from ..config.sections import Data
from ..console import listed
from ..data import LabelledImages
from ..data.load import NAMED
from ..errors import InputError, did_you_mean
from ..files import did_you_mean_path, find_path
from ..training.checkpoint import MALFORMED, peek, steps_on_disk
from ..training.recovery import Recovery
from .places import check_run_name, is_run_folder

CONTINUE_MAY_CHANGE = ("train.steps", "train.epochs", "checkpoint.", "log.", "runtime.", "data.place", "data.allow_overlap")
CLASSES_IN_A_MESSAGE = 10


# ---- which run ---------------------------------------------------------------------------------------------------------


def resumable(run: Optional[str], output: Path, classifiers: bool = False) -> Optional[Path]:
    """The run to continue: the named one, else the newest unfinished one. None means that there is no such run yet.

    Args:
        run: The run's name; None looks for the newest unfinished run.
        classifiers: Without a name, look among classifiers alone; False looks among all others.

    Raises:
        InputError: No run has that name, but one has a similar name; or no run is named, and all are finished.
    """
    runs = [path.parent for path in output.glob("*/config.yaml")]
    if run is not None:
        folder = output / check_run_name(run)
        meant = did_you_mean(run, [path.name for path in runs], cutoff=0.75)
        if meant and not is_run_folder(folder):
            raise InputError(f"cannot resume: there is no run {run} in {output}; {meant} (for a new run leave `resume` out)")
        return folder if is_run_folder(folder) else None
    runs = [folder for folder in runs if _classifies(folder) == classifiers]
    unfinished = [folder for folder in runs if not _finished(folder) and not _failed(folder)]
    if runs and not unfinished:
        raise InputError(f"cannot resume: every run in {output} is finished; name one, and raise train.steps or train.epochs")
    return max(unfinished, key=lambda folder: (folder / "config.yaml").stat().st_mtime, default=None)


def _classifies(folder: Path) -> bool:
    try:
        row = ALGORITHMS.get(load_config(folder / "config.yaml").algorithm)
    except InputError:
        return False
    return row is not None and row.classifies


def _failed(folder: Path) -> bool:
    try:
        return Recovery(folder).failed is not None
    except InputError:  # a damaged file: to be said when the run is named
        return False


def _finished(folder: Path) -> bool:
    steps = steps_on_disk(folder / "checkpoints")
    if not steps:
        return False
    state = peek(folder / "checkpoints", steps[-1])
    total = state.get("total_steps")
    return bool((isinstance(total, int) and steps[-1] >= total) or state.get("stopped"))


# ---- with which settings -----------------------------------------------------------------------------------------------


def continued_config(folder: Path, overrides: Mapping[str, Any], config: Union[Config, str, Path, None] = None) -> Tuple[Config, Config]:
    """The configuration of a run as config.yaml says it, and the same with what may change laid over it.

    Args:
        folder: The run's folder.
        overrides: {"section.key": value}.
        config: A configuration that the caller names all the same; it must have the run's preset.

    Raises:
        InputError: An override, or another preset, would change what has been learnt so far.
    """
    own = load_config(folder / "config.yaml")
    if config is not None and load_config(config).preset != own.preset:
        name = config.preset if isinstance(config, Config) else config
        raise InputError(f"cannot resume: run {folder.name} began as {own.preset} and cannot continue as {name}; start a new run for that")
    place = _place(folder, own.data, overrides.get("data.source"))
    changed = load_config(own, {**overrides, "data.source": own.data.source, "data.place": place})
    before, after = to_flat(own), to_flat(changed)
    for key, value in after.items():
        if value != before[key] and not key.startswith(CONTINUE_MAY_CHANGE):
            was = f"{key} was {before[key]} in run {folder.name} and cannot become {value}"
            raise InputError(f"cannot resume: {was}; start a new run for that")
    check_config(changed, before=own)
    return own, changed


# ---- with which data ---------------------------------------------------------------------------------------------------


def place_of_data(source: str) -> Optional[str]:
    """The absolute path of data as the user names it; None for data that has a name, where nothing is there, and for no path."""
    path = find_path(source)
    return None if not source or source in NAMED or not path.exists() else str(path.absolute())


def _place(folder: Path, data: Data, given: Optional[str]) -> Optional[str]:
    """Where the data of a run is that continues: what the user says, else where it was, else what its name means from here."""
    here, known = place_of_data(data.source), data.place if data.place and Path(data.place).exists() else None
    if given is None or (given == data.source and not here):
        if not here and not known and data.source not in NAMED:
            was = f" ({data.place})" if data.place else ""
            raise InputError(f"cannot resume: the data of run {folder.name}, {data.source}{was}, is no longer there: set data.source")
        return known or here
    if given == data.source:
        return here
    there = NAMED[given]() if given in NAMED else find_path(given)
    if not there.exists():
        meant = did_you_mean_path(given, NAMED, before="; ")
        raise InputError(f"data.source: {given} does not exist: say where the data of run {folder.name} ({data.source}) is now{meant}")
    if "fingerprint" not in _learnt(folder) and not any(_same_file(path, there) for path in (known, here)):
        raise InputError(
            f"cannot resume: data.source was {data.source} in run {folder.name} and cannot become {given}: no checkpoint of the run "
            "says which images it has learnt; start a new run for that"
        )
    return str(there.absolute())


def _same_file(path: Optional[str], other: Path) -> bool:
    return path is not None and os.path.samefile(path, other)


def _learnt(folder: Path) -> Dict[str, Any]:
    """What the newest checkpoint of a run says of its data: fingerprint, class_names, count, image_shape; {} if none says so."""
    for step in reversed(steps_on_disk(folder / "checkpoints")):
        with contextlib.suppress(*MALFORMED):
            state = peek(folder / "checkpoints", step)
            return {**state["data"], "image_shape": list(state["image_shape"]), "class_names": list(state["data"]["class_names"])}
    return {}


def check_same_data(folder: Path, source: str, images: LabelledImages, allow_changed: bool = False) -> None:
    """Check that a run continues with what it has learnt so far.

    Args:
        folder: The run's folder.
        source: The name of the data, for messages.
        images: The training images as they are now.
        allow_changed: Accept other images of the same classes and shape.

    Raises:
        InputError: Other classes, or in another order; images of another shape; other images.
    """
    learnt = _learnt(folder)
    if not learnt:
        return
    problem = f"cannot resume: {source} has changed since run {folder.name} learnt it"
    advice = "restore the data, or start a new run"
    if learnt["class_names"] != list(images.class_names):
        raise InputError(f"{problem}: {_other_classes(learnt['class_names'], images.class_names)}; {advice}")
    if learnt["image_shape"] != list(images.shape):
        raise InputError(f"{problem}: its images are {list(images.shape)} and were {learnt['image_shape']}; {advice}")
    if learnt.get("fingerprint", images.fingerprint()) != images.fingerprint() and not allow_changed:
        counts = f"{len(images)} images now, {learnt.get('count')} then"
        raise InputError(f"{problem} ({counts}): {advice}, or continue with the changed images: allow_changed_data=True")


def check_same_unlabelled(folder: Path, unlabelled: Optional[LabelledImages], allow_changed: bool = False) -> None:
    """Check that the images without labels of a run that continues are those that it has learnt.

    Args:
        folder: The run's folder.
        unlabelled: The images as they are now; None if the run learns none.
        allow_changed: Accept other images.

    Raises:
        InputError: They are others.
    """
    steps = steps_on_disk(folder / "checkpoints")
    before = peek(folder / "checkpoints", steps[-1]).get("unlabelled") if steps and unlabelled is not None else None
    if isinstance(before, dict) and before.get("fingerprint") != unlabelled.fingerprint() and not allow_changed:
        counts = f"{len(unlabelled)} images now, {before.get('count')} then"
        raise InputError(
            f"cannot resume: the images without labels have changed since run {folder.name} learnt them ({counts}): restore them, "
            "start a new run, or continue with the changed images: allow_changed_data=True"
        )


def check_same_generated(folder: Path, description: Mapping[str, Any]) -> None:
    """Check that the generated images of a run that continues are those that it has learnt, or come from the same weights.

    Args:
        folder: The run's folder.
        description: What `generated.*` of its configuration describes now.

    Raises:
        InputError: They are others.
    """
    steps = steps_on_disk(folder / "checkpoints")
    before = peek(folder / "checkpoints", steps[-1]).get("generated") if steps else None
    if isinstance(before, dict) and _origin(before) != _origin(description):
        raise InputError(
            f"cannot resume: the generated images of run {folder.name} have changed since it learnt them: restore them, start a new "
            f"run, or continue with the changed images: allow_changed_data=True"
        )


def _origin(description: Mapping[str, Any]) -> Tuple[Any, Optional[List[Any]]]:
    runs = description.get("runs")
    weights = [run.get("weights_sha256") for run in runs if isinstance(run, dict)] if isinstance(runs, list) else None
    return description.get("fingerprint"), weights


def _other_classes(before: Sequence[str], now: Sequence[str]) -> str:
    new, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    changes = [f"{what} {listed(names, CLASSES_IN_A_MESSAGE)}" for what, names in (("new:", new), ("gone:", gone)) if names]
    if changes:
        return f"its classes have changed ({'; '.join(changes)})"
    return f"its classes were {listed(before, CLASSES_IN_A_MESSAGE)} and are now {listed(now, CLASSES_IN_A_MESSAGE)}"
