"""The files in which a written set describes itself: manifest.jsonl, a row for each image, and paddle_gan_aug.json.

Both may come from anywhere, so they are checked.
"""

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..errors import InputError
from ..files import read_json, regular

MANIFEST, DESCRIPTION = "manifest.jsonl", "paddle_gan_aug.json"
DROPPED, GRID, TABLE = "dropped.json", "grid.png", "images.csv"
CLASS_LIST, PART_LISTS = "label_list.txt", ("train_list.txt", "val_list.txt", "test_list.txt")
OWN_FILES = (MANIFEST, DESCRIPTION, DROPPED, GRID, TABLE, CLASS_LIST, *PART_LISTS)  # in the folder of a set, beside its class folders
UNFINISHED = (".partial", ".generated")  # folders of a set that is being made
LONGEST_LINE = 1 << 20  # characters of a manifest's line: none that is honest comes near


def check_finished(folder: Path) -> None:
    """Check that a folder holds no set that was interrupted before it had a manifest.

    Raises:
        InputError: it does.
    """
    if not (folder / MANIFEST).is_file() and any((folder / name).is_dir() for name in UNFINISHED):
        raise InputError(f"{folder} holds a set that is not finished: resume what makes it, or make it again in another folder")


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Within this context, and after an error in it, `check_finished` refuses a folder: images without a manifest are no data."""
    mark = folder / UNFINISHED[0]
    mark.mkdir()
    yield
    mark.rmdir()


def read_manifest(folder: Path) -> Iterator[Dict[str, Any]]:
    """Yield the rows of a set's manifest: dicts with a text `file`, and a `class` that is a text or None.

    Raises:
        InputError: the manifest cannot be read, or a line is no such row. The message names the line.
    """
    path = folder / MANIFEST
    try:
        with open(regular(path), encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
                if line.strip():
                    yield _checked(line, path, number)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is not UTF-8 text; make the set again") from None


def _checked(line: str, path: Path, number: int) -> Dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: line {number} is no JSON; make the set again, or remove the line") from None
    fits = isinstance(row, dict) and isinstance(row.get("file"), str) and isinstance(row.get("class"), (str, type(None)))
    if not fits or not row["file"] or "\0" in row["file"]:
        raise InputError(f"{path} is damaged: line {number} names no file and class; make the set again, or remove the line")
    return row


def named_in_manifest(folder: Path) -> List[Path]:
    """Return the files that a folder's manifest.jsonl names, in its order.

    Raises:
        InputError: it is damaged, or names a file that is missing or lies outside the folder.
    """
    return [folder / name for name in names_in_manifest(folder)]


def names_in_manifest(folder: Path) -> Iterator[str]:
    """Yield the paths below a folder of the files that its manifest.jsonl names; order and errors as of `named_in_manifest`."""
    inside: Dict[str, str] = {}  # folders as rows write them -> the same below the folder, which they were found to lie in
    for row in read_manifest(folder):
        written, name = os.path.split(row["file"])
        if written not in inside or not _is_plain_file(os.path.join(folder, written, name)):
            found = file_in(folder, row["file"], folder / MANIFEST)
            if found.parent.resolve().is_relative_to(folder.resolve()):
                inside[written] = os.path.relpath(found.parent, folder)
            yield os.path.relpath(found, folder)
        else:
            yield name if inside[written] == os.curdir else os.path.join(inside[written], name)


def _is_plain_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def file_of_set(path: Path) -> Path:
    """Return the one file that holds the images of a set, images.npz or mnist.json.gz, instead of its folder; else the path."""
    check_finished(path)
    if not (path / MANIFEST).is_file():
        return path
    first = next(read_manifest(path), {}).get("file")
    return path / first if first in ("images.npz", "mnist.json.gz") and (path / first).is_file() else path


def window_of_set(folder: Path) -> Optional[Tuple[float, float]]:
    """Return the (black, white) of a written set; None of other folders.

    The values must not decide it: a collapsed GAN draws black images too.
    """
    return (0, 255) if (folder / MANIFEST).is_file() else None


def file_in(folder: Path, name: str, what: object) -> Path:
    """Return the path of a file inside `folder` that `what`, such as a manifest, names.

    Raises:
        InputError: the file is missing, or lies outside the folder.
    """
    file = folder / name
    try:
        is_inside, exists = file.resolve().is_relative_to(folder.resolve()), file.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a loop of links
        raise InputError(f"{what} names {name[:80]}, which cannot be a file: {getattr(error, 'strerror', None) or error}") from None
    if not is_inside:
        raise InputError(f"{what} names {file}, which lies outside the folder")
    if not exists:
        raise InputError(f"{file} is missing: {what} names it")
    return file


def read_description(folder: Path) -> Dict[str, Any]:
    """Return what the file `DESCRIPTION` says of a set: a dict, which is empty if there is no such file.

    Raises:
        InputError: the file is damaged.
    """
    return read_json_object(folder / DESCRIPTION)


def read_json_object(path: Path) -> Dict[str, Any]:
    """Return the object in a JSON file as a dict; {} if there is no such file.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        if isinstance(content, dict):
            return content
    except (OSError, ValueError):
        pass
    raise InputError(f"{path} is damaged: make the set again")
