"""Where runs are: their names and their folders."""

import datetime
import itertools
import os
import re
import secrets
from pathlib import Path
from typing import Iterator, Optional, Tuple, Union

from ..config.loading import Config
from ..errors import InputError
from ..files import LOCK_FILES, check_makeable, did_you_mean_path, expanded, find_path, is_portable, make_folder, project_root
from ..records.metrics_file import METRICS_FILE

MARK = "visualdl.mark"  # a file in the folder of a run or a study, and the same in that of its records; see `log_name`
LONGEST_NAME = 200  # bytes: file systems take 255, and files of the run are named after it


def run_folders(output: Union[str, Path, None], log: Union[str, Path, None]) -> Tuple[Path, Path]:
    """The folders of runs and of records: as given, relative to the current folder, or `output` and `log` in the project."""
    found = (expanded(given) if given else project_root() / name for given, name in ((output, "output"), (log, "log")))
    return next(found), next(found)


def check_run_name(name: str) -> str:
    """The name itself, if a run can have it: it is one folder name.

    Raises:
        InputError: It is too long, holds a path separator, starts with a dot, or is not portable (`files.is_portable`).
    """
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise InputError(f"run {name[:20]}…: a run's name has at most {LONGEST_NAME} bytes")
    if not re.fullmatch(r"[^\s/\\.%:][^/\\%:]*", name):
        raise InputError(f"run {name}: a run's name is one folder name without / \\ % : and does not start with a dot")
    if not is_portable(name):
        raise InputError(
            f'run {name}: a run\'s name is one that Windows takes too, without < > " | ? *, no dot or blank at its end, and not con, nul …'
        )
    return name


def default_name(config: Config) -> str:
    """preset-data-date-time, such as classic-mnist-20260131-120000."""
    data = _word(Path(config.data.source).name.split(".")[0]).strip("-") or "data"
    if config.data.class_name is not None:
        data += "-" + _word(config.data.class_name)
    return f"{_word(config.preset)}-{data}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def _word(text: str) -> str:
    return re.sub(r"[^\w-]+", "-", text)


def unused_folder(output: Path, name: str) -> Path:
    """`output/name`, or the first of name-2, name-3, … that does not exist. `take_folder` also makes it."""
    return next(folder for folder in _candidates(output, name) if not folder.exists())


def take_folder(output: Path, name: str) -> Path:
    """Make the folder `output/name`, or the first of name-2, name-3, … that nobody has: two processes never get the same one.

    Raises:
        InputError: It cannot be made.
    """
    make_folder(output)

    def taken(folder: Path) -> bool:
        try:
            folder.mkdir()
        except FileExistsError:
            return False
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from None
        return True

    return next(filter(taken, _candidates(output, name)))


def log_name(folder: Path, log: Path, began: bool) -> str:
    """The name of the records of a run or a study in a log folder: its own, or the first of name-2, name-3, … that is not another's.

    Folders in two places may have one name and share a log folder. The same random mark in both places tells whose records are whose.

    Args:
        folder: Of the run or the study.
        log: The folder of VisualDL records.
        began: Records without a mark, which former versions wrote, are its own.
    """
    try:
        mine = _mark_of(folder)
        if mine is None:
            mine = secrets.token_hex(8)
            (folder / MARK).write_text(mine, encoding="utf-8")
            if began and (log / folder.name).is_dir() and _mark_of(log / folder.name) is None:
                (log / folder.name / MARK).write_text(mine, encoding="utf-8")
        there = sorted(path for path in make_folder(log).iterdir() if path.name.startswith(folder.name))
        taken = next((path for path in there if _mark_of(path) == mine), None) or take_folder(log, folder.name)
        (taken / MARK).write_text(mine, encoding="utf-8")
        return taken.name
    except (OSError, InputError):  # records that cannot be written cost one warning, there
        return folder.name


def _mark_of(folder: Path) -> Optional[str]:
    try:
        return (folder / MARK).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return None


def _candidates(output: Path, name: str) -> Iterator[Path]:
    return itertools.chain([output / name], (output / f"{name}-{number}" for number in itertools.count(2)))


def check_free(folder: Path) -> None:
    """Check that no run has begun in `folder`. What a process leaves that was killed before it could begin does not count.

    Raises:
        InputError: A run has begun there.
    """
    if not folder.exists():
        return
    found = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else [folder]
    if [path for path in found if path.name not in LOCK_FILES and not path.name.startswith(".config.yaml.")]:
        raise InputError(f"run {folder.name} exists in {folder.parent}: choose another name for the run, or continue it with resume=True")


def check_writable(folder: Path, log: Path) -> None:
    """Check that the folders and files of a run can be made in `folder` and `log`; nothing is made.

    Raises:
        InputError: They cannot.
    """
    for path in (folder.parent, log, folder, folder / "checkpoints", folder / "samples"):
        check_makeable(path)
    records = folder / METRICS_FILE
    if records.exists() and not (records.is_file() and os.access(records, os.R_OK | os.W_OK)):
        raise InputError(f"cannot read and write {records}: restore the run's own file, or remove it")


def is_run_folder(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "config.yaml").is_file()


def is_run(name: Union[str, Path]) -> bool:
    """Whether `name` names a run; see `run_folder`."""
    return any(path.is_dir() and is_run_folder(path) for path in _places(name))


def _places(name: Union[str, Path]) -> Tuple[Path, Path]:
    return find_path(name), project_root() / "output" / str(name)


def run_folder(name: Union[str, Path]) -> Path:
    """The folder of a run as the user names it: a path, or a name in `output`.

    Raises:
        InputError: There is no run.
    """
    for path in _places(name):
        if path.is_dir() and is_run_folder(path):
            return path
    held = sorted(find_path(name).glob("*/config.yaml"), key=lambda path: path.stat().st_mtime)
    hint = did_you_mean_run(name) or "a run is a folder such as output/my-run with a config.yaml in it"
    if held:
        hint = f"it holds {len(held)} run{'s' * (len(held) != 1)}, the last {held[-1].parent.name}: give the path of one"
    raise InputError(f"no run at {name}: {hint}")


def did_you_mean_run(name: Union[str, Path], before: str = "") -> str:
    """`errors.did_you_mean` of a run as the user names it: a path, or a name in `output`; "" if none is like it."""
    runs = [path.parent.name for path in (project_root() / "output").glob("*/config.yaml")]
    return did_you_mean_path(name, runs, before=before)


def check_run_or_images(name: Union[str, Path]) -> None:
    """Check that something is at a path that may be a run or images.

    Raises:
        InputError: nothing is.
    """
    if not is_run(name) and not find_path(name).exists():
        raise InputError(f"{name} does not exist: give a trained run, or images{did_you_mean_run(name, before='; ')}")
