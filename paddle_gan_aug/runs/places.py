"""Where runs are: their names and folders, and which of them one may go on with."""

import contextlib
import datetime
import difflib
import itertools
import os
import re
from pathlib import Path

from ..algorithms.checks import check_config
from ..config.loading import load_config, to_flat
from ..data.load import NAMED
from ..errors import InputError
from ..files import LOCK_FILES, find_path, make_folder, project_root
from ..records.metrics_file import METRICS_FILE
from ..training.checkpoint import MALFORMED, peek, steps_on_disk

CONTINUE_MAY_CHANGE = ("train.steps", "train.epochs", "checkpoint.", "log.", "runtime.", "data.place", "data.allow_overlap")
CLASSES_IN_A_MESSAGE = 10
LONGEST_NAME = 200  # bytes: file systems take 255, and files of the run are named after it


def run_folders(output, log):
    """The folders of runs and of records as given, from where the user stands; the default ones in the project."""
    return tuple(Path(given).expanduser() if given else project_root() / name for given, name in ((output, "output"), (log, "log")))


def check_run_name(name):
    """A run's name is one folder name.

    Raises:
        InputError: it holds a path separator or starts with a dot.
    """
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise InputError(f"--run {name[:20]}…: a run's name has at most {LONGEST_NAME} bytes")
    if not re.fullmatch(r"[^\s/\\.%:][^/\\%:]*", name):
        raise InputError(f"--run {name}: a run's name is one folder name without / \\ % : and not starting with a dot")
    return name


def default_name(config):
    """preset-data-date-time, such as classic-mnist-20260131-120000."""
    data = _word(Path(config.data.source).name.split(".")[0]).strip("-") or "data"
    if config.data.class_name is not None:
        data += "-" + _word(config.data.class_name)
    return f"{_word(config.preset)}-{data}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def _word(text):
    return re.sub(r"[^\w-]+", "-", text)


def unused_folder(output, name):
    """`output/name`, or the first of name-2, name-3, … that does not exist. For messages: `take_folder` makes it one's own."""
    return next(folder for folder in _candidates(output, name) if not folder.exists())


def take_folder(output, name):
    """Make the folder `output/name`, or the first of name-2, name-3, … that nobody has: two processes never get the same one.

    Raises:
        InputError: it cannot be made.
    """
    make_folder(output)

    def taken(folder):
        try:
            folder.mkdir()
        except FileExistsError:
            return False
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from None
        return True

    return next(filter(taken, _candidates(output, name)))


def _candidates(output, name):
    return itertools.chain([output / name], (output / f"{name}-{number}" for number in itertools.count(2)))


def check_free(folder):
    """Raise an InputError if a run has begun in `folder`. What a process leaves that was killed before it could begin does not count."""
    if not folder.exists():
        return
    found = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else [folder]
    if [path for path in found if path.name not in LOCK_FILES and not path.name.startswith(".config.yaml.")]:
        raise InputError(
            f"run {folder.name} exists in {folder.parent}: choose another --run, or go on with it: --run {folder.name} --resume"
        )


def check_writable(folder, log):
    """Raise an InputError if the folders and files of a run cannot be made in `folder` and `log`; nothing is made."""
    for path in (folder.parent, log, folder, folder / "checkpoints", folder / "samples"):
        there = next(above for above in (path, *path.absolute().parents) if os.path.lexists(above))
        if not there.is_dir():
            raise InputError(f"cannot write into folder {path}: {there} is a file of that name; choose another")
        if not os.access(there, os.W_OK | os.X_OK):
            raise InputError(f"cannot write into folder {path}: Permission denied; choose another or change its permissions")
    records = folder / METRICS_FILE
    if records.exists() and not (records.is_file() and os.access(records, os.R_OK | os.W_OK)):
        raise InputError(f"cannot read and write {records}: put the run's own file there, or take it away")


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
    runs = [folder for folder in runs if (_algorithm(folder) == "classifier") == classifiers]
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
    state = peek(folder / "checkpoints", steps[-1])
    total = state.get("total_steps")
    return bool(isinstance(total, int) and steps[-1] >= total or state.get("stopped"))


def continued_config(folder, overrides, asked=None):
    """A run's own configuration with what may change on `--resume` laid over it.

    Args:
        asked: the configuration that the user named all the same; it must be the run's.

    Raises:
        InputError: an override, or another preset, would change what has been learnt so far.
    """
    own = load_config(folder / "config.yaml")
    if asked is not None and load_config(asked).preset != own.preset:
        raise InputError(f"--resume: run {folder.name} began as {own.preset} and cannot go on as {asked}; start a new run for that")
    overrides = {**overrides, "data.source": own.data.source, "data.place": _place(folder, own.data, overrides.get("data.source"))}
    config = load_config(folder / "config.yaml", overrides)
    before, after = to_flat(own), to_flat(config)
    for key, value in after.items():
        if value != before[key] and not key.startswith(CONTINUE_MAY_CHANGE):
            raise InputError(f"--resume: {key} was {before[key]} in run {folder.name} and cannot become {value}; start a new run for that")
    check_config(config, before=own)
    return config


def place_of_data(source):
    """The absolute path of data as the user names it; None for data that goes by a name, and where nothing is there."""
    path = find_path(source)
    return None if source in NAMED or not path.exists() else str(path.absolute())


def _place(folder, data, given):
    """Where the data of a run is that goes on: what the user says, else where it was, else what its name means from here."""
    here, known = place_of_data(data.source), data.place if data.place and Path(data.place).exists() else None
    if given is None or (given == data.source and not here):
        if not here and not known and data.source not in NAMED:
            was = f" ({data.place})" if data.place else ""
            raise InputError(f"--resume: {data.source}{was}, which run {folder.name} learns, is no longer there: say where with --data")
        return known or here
    if given == data.source:
        return here
    there = NAMED[given]() if given in NAMED else find_path(given)
    if not there.exists():
        raise InputError(f"--data {given} does not exist: say where the data of run {folder.name} ({data.source}) is now")
    if "fingerprint" not in _learnt(folder) and not any(_same_file(path, there) for path in (known, here)):
        raise InputError(
            f"--resume: data.source was {data.source} in run {folder.name} and cannot become {given}: it has no checkpoint that "
            "tells what it learnt; start a new run for that"
        )
    return str(there.absolute())


def _same_file(path, other):
    return path is not None and os.path.samefile(path, other)


def _learnt(folder):
    """What the newest checkpoint of a run that says so tells of its data: fingerprint, class_names, count, image_shape; {} if none does."""
    for step in reversed(steps_on_disk(folder / "checkpoints")):
        with contextlib.suppress(*MALFORMED):
            state = peek(folder / "checkpoints", step)
            return {**state["data"], "image_shape": list(state["image_shape"]), "class_names": list(state["data"]["class_names"])}
    return {}


def check_same_data(folder, source, images, allow_changed=False):
    """See that a run goes on with what it has learnt so far.

    Args:
        source: the name of the data, for messages. images: `LabelledImages`, the training images as they are now.
        allow_changed: other images of the same classes and shape will do.

    Raises:
        InputError: other classes, in whatever order; images of another shape; other images.
    """
    learnt = _learnt(folder)
    if not learnt:
        return
    of_run = f"--resume: {source} has changed since run {folder.name} learnt it"
    rest = "restore the data, or start a new run"
    if learnt["class_names"] != list(images.class_names):
        raise InputError(f"{of_run}: {_other_classes(learnt['class_names'], images.class_names)}; {rest}")
    if learnt["image_shape"] != list(images.shape):
        raise InputError(f"{of_run}: its images are {list(images.shape)} and were {learnt['image_shape']}; {rest}")
    if learnt.get("fingerprint", images.fingerprint()) != images.fingerprint() and not allow_changed:
        counts = f"{len(images)} images now, {learnt.get('count')} then"
        raise InputError(f"{of_run} ({counts}): restore the data, start a new run, or go on with other images: --allow-changed-data")


def check_same_generated(folder, description):
    """See that the generated images of a run that goes on are those it has learnt so far, or come from the same weights.

    Args:
        description: what `generated.*` of its configuration comes to now.

    Raises:
        InputError: others.
    """
    steps = steps_on_disk(folder / "checkpoints")
    before = peek(folder / "checkpoints", steps[-1]).get("generated") if steps else None
    if isinstance(before, dict) and _origin(before) != _origin(description):
        raise InputError(
            f"--resume: the generated images of run {folder.name} have changed since it learnt them: restore them, start a new run, "
            "or go on with what is there now: --allow-changed-data"
        )


def _origin(description):
    runs = description.get("runs")
    weights = [run.get("weights_sha256") for run in runs if isinstance(run, dict)] if isinstance(runs, list) else None
    return description.get("fingerprint"), weights


def _other_classes(before, now):
    new, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    told = [f"{what} {_listed(names)}" for what, names in (("new:", new), ("gone:", gone)) if names]
    return f"its classes have changed ({'; '.join(told)})" if told else f"its classes were {_listed(before)} and are now {_listed(now)}"


def _listed(names):
    more = f" and {len(names) - CLASSES_IN_A_MESSAGE} more" if len(names) > CLASSES_IN_A_MESSAGE else ""
    return ", ".join(map(str, names[:CLASSES_IN_A_MESSAGE])) + more
