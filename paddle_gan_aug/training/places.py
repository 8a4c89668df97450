"""Where runs are: their names and folders, and which of them one may go on with."""

import datetime
import difflib
import itertools
import json
import re
from pathlib import Path

from ..algorithms import CLASSIFIERS
from ..config import load_config, to_flat
from ..errors import InputError
from ..files import find_path, project_root
from .checkpoint import steps_on_disk

CONTINUE_MAY_CHANGE = ("train.steps", "train.epochs", "checkpoint.", "log.", "runtime.")


def run_folders(output, log):
    """The folders of runs and of records as given, from where the user stands; the default ones in the project."""
    return tuple(Path(given).expanduser() if given else project_root() / name for given, name in ((output, "output"), (log, "log")))


def check_run_name(name):
    """A run's name is one folder name.

    Raises:
        InputError: it holds a path separator or starts with a dot.
    """
    if not re.fullmatch(r"[^\s/\\.%:][^/\\%:]*", name):
        raise InputError(f"--run {name}: a run's name is one folder name without / \\ % : and not starting with a dot")
    return name


def default_name(config):
    """preset-data-date-time, such as classic-mnist-20260131-120000."""
    data = re.sub(r"[^\w-]+", "-", Path(config.data.source).name.split(".")[0]).strip("-") or "data"
    if config.data.class_name is not None:
        data += "-" + re.sub(r"[^\w-]+", "-", config.data.class_name)
    return f"{config.preset}-{data}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def unused_folder(output, name):
    """`output/name`, or the first of name-2, name-3, … that does not exist (two runs may begin within one second)."""
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(output / candidate for candidate in candidates if not (output / candidate).exists())


def _is_run(folder):
    return (folder / "config.yaml").is_file()


def is_run(name):
    """Whether `name` names a run; see `run_folder`."""
    return any(path.is_dir() and _is_run(path) for path in _places(name))


def _places(name):
    return find_path(name), project_root() / "output" / str(name)


def run_folder(name):
    """The folder of a run as the user names it: a path, or a name in `output`.

    Raises:
        InputError: there is no run there.
    """
    for path in _places(name):
        if path.is_dir() and _is_run(path):
            return path
    raise InputError(f"no run at {name}: a run is a folder such as output/my-run with a config.yaml in it")


def resumable(run, output, classifiers=False):
    """The run to go on with: the named one (None when it does not exist yet), else the newest unfinished (None: there is no run).

    Args:
        classifiers: of those that are not named, take classifiers alone; False = all others alone.

    Raises:
        InputError: there is none of that name but one that is nearly called so; or none is named, and all are finished.
    """
    runs = [path.parent for path in output.glob("*/config.yaml")]
    if run:
        folder = output / check_run_name(run)
        near = difflib.get_close_matches(run, [path.name for path in runs], n=1, cutoff=0.75)
        if near and not _is_run(folder):
            raise InputError(f"--resume: there is no run {run} in {output}; did you mean {near[0]}? (for a new run leave --resume out)")
        return folder if _is_run(folder) else None
    runs = [folder for folder in runs if (_algorithm(folder) in CLASSIFIERS) == classifiers]
    unfinished = [folder for folder in runs if not _finished(folder)]
    if runs and not unfinished:
        raise InputError(f"--resume: every run in {output} is finished; name one with --run and raise its --steps or --epochs to go on")
    return max(unfinished, key=lambda folder: (folder / "config.yaml").stat().st_mtime, default=None)


def _algorithm(folder):
    try:
        return load_config(folder / "config.yaml").algorithm
    except InputError:
        return None


def _finished(folder):
    steps = steps_on_disk(folder / "checkpoints")
    if not steps:
        return False
    try:
        state = json.loads((folder / "checkpoints" / f"step-{steps[-1]}" / "state.json").read_text(encoding="utf-8"))
        return steps[-1] >= state["total_steps"] or state.get("stopped", False)
    except (OSError, ValueError, KeyError):
        return False


def continued_config(folder, overrides, asked=None):
    """A run's own configuration with what may change on `--resume` laid over it.

    Args:
        asked: the configuration that the user named all the same; it must be the run's.

    Raises:
        InputError: an override, or another preset, would change what has been learnt so far.
    """
    preset = load_config(folder / "config.yaml").preset
    if asked is not None and load_config(asked).preset != preset:
        raise InputError(f"--resume: run {folder.name} began as {preset} and cannot go on as {asked}; start a new run for that")
    config = load_config(folder / "config.yaml", overrides)
    before, after = to_flat(load_config(folder / "config.yaml")), to_flat(config)
    for key, value in after.items():
        if value != before[key] and not key.startswith(CONTINUE_MAY_CHANGE):
            raise InputError(f"--resume: {key} was {before[key]} in run {folder.name} and cannot become {value}; start a new run for that")
    return config
