"""A set while it is being made: files that only grow, and one small file that says how far each of them counts.

An interruption at any moment leaves files that are longer than `progress.json` says. Whoever resumes the set cuts them
to what counts and makes the rest again, bit for bit. Nothing is held in memory, so a million images need no more of it
than a thousand.
"""

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Iterator, Tuple

import numpy as np

from ..errors import InputError
from ..files import read_json, regular, write_json

REQUEST, PROGRESS = "request.json", "progress.json"


class PartialSet:
    """The unfinished part of a set.

    Args:
        folder: where it lies, inside the folder of the set, which exists.
        request: everything that decides the set, as plain values.
        resume: go on with what is there.

    Attributes:
        progress: plain values, {"classes": {key: {"tried", "kept", "pieces", "bytes": {file: length}}}, …}; empty at
            first.

    Raises:
        InputError: what is there belongs to another request, or is damaged.
    """

    def __init__(self, folder: Path, request: dict, resume: bool = False) -> None:
        self.folder = folder
        self.progress: dict = {}
        if resume and (folder / REQUEST).is_file():
            self._continue(request)
        else:
            folder.mkdir(exist_ok=True)
            _empty(folder)
        write_json(folder / REQUEST, request)

    def _continue(self, request: dict) -> None:
        self.progress = read_progress(self.folder, request)
        known = _lengths(self.progress)
        for name, length in known.items():
            os.truncate(self.folder / name, length)
        for path in self.folder.iterdir():
            if path.name not in (*known, REQUEST, PROGRESS):  # begun, and interrupted before it counted
                path.unlink()

    def damage(self, why: Any) -> InputError:
        """The InputError that says that what an interruption left is damaged."""
        return _damage(self.folder, why)

    def checked(self) -> contextlib.AbstractContextManager:
        """Turn the errors of values that do not fit into `damage`."""
        return _checked(self.folder)

    def path(self, name: str) -> Path:
        """A file of the partial set."""
        return self.folder / name

    def append(self, name: str, content: bytes) -> int:
        """Append bytes to a file. Returns its new length."""
        with open(self.folder / name, "ab") as file:
            file.write(content)
            return file.tell()

    def note(self, progress: dict) -> None:
        """Record how far the files count."""
        self.progress = progress
        write_json(self.folder / PROGRESS, progress)

    def rows(self, name: str, shape: Tuple[int, ...], dtype: Any) -> np.ndarray:
        """A file of arrays of one shape, as a read-only array [N, *shape] on the disk; N = 0 if there is no such file."""
        path = self.folder / name
        if not path.exists() or not path.stat().st_size:
            return np.zeros((0, *shape), dtype)
        return np.memmap(regular(path), dtype=dtype, mode="r").reshape(-1, *shape)

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a text file; none if there is no such file."""
        path = self.folder / name
        if path.exists():
            with open(regular(path), encoding="utf-8") as file:
                yield from file

    def json_rows(self, name: str) -> Iterator[dict]:
        """The lines of a text file as dicts.

        Raises:
            InputError: a line is no such row.
        """
        with self.checked():
            for line in self.lines(name):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"{name} holds no rows")
                yield row

    def remove(self) -> None:
        """Remove all of it, now that the set is complete. An interruption leaves what can be begun again."""
        _empty(self.folder)
        self.folder.rmdir()


def read_progress(folder: Path, request: dict) -> dict:
    """The progress of a partial set that lies in a folder, see `PartialSet`; nothing is changed.

    Raises:
        InputError: it belongs to another request, or is damaged.
    """
    progress: dict = {}
    try:
        before = read_json(folder / REQUEST)
        if (folder / PROGRESS).exists():
            progress = read_json(folder / PROGRESS)
    except (OSError, ValueError) as error:
        raise _damage(folder, error) from None
    if not isinstance(before, dict) or not _is_progress(progress):
        raise _damage(folder, "its notes are not what was written")
    request = json.loads(json.dumps(request))
    free = {"attempts"} if "relax" in before else {"attempts", "relax"}  # more may be allowed; earlier versions did not note the other
    for key in sorted({*before, *request} - free):
        if before.get(key) != request.get(key):
            with _checked(folder):
                change = f"{request_text(key, before.get(key))}, not {request_text(key, request.get(key))}"
            raise InputError(f"{folder.parent} was begun with {change}: resume it with the same request, or choose another folder")
    for name, length in _lengths(progress).items():
        if not (folder / name).exists() or (folder / name).stat().st_size < length:
            raise _damage(folder, f"{name} is too short")
    return progress


def _lengths(progress: dict) -> dict:
    """{file: how much of it counts}."""
    return {name: length for entry in progress.get("classes", {}).values() for name, length in entry["bytes"].items()}


def _damage(folder: Path, why: Any) -> InputError:
    return InputError(f"{folder} is damaged ({why}): remove the folder {folder.parent}, and begin again")


@contextlib.contextmanager
def _checked(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _damage(folder, error) from None


def _empty(folder: Path) -> None:
    """Remove what is in a folder. The progress goes first, for it tells of the other files, and the request next."""
    for name in (PROGRESS, REQUEST):
        (folder / name).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_progress(found: Any) -> bool:
    """Whether `found` is what `note` records, and names files of the partial set alone."""
    classes = found.get("classes", {}) if isinstance(found, dict) else None
    return isinstance(classes, dict) and all(map(_is_entry, classes, classes.values()))


def _is_entry(key: str, entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("bytes"), dict):
        return False
    lengths = [entry.get(name) for name in ("tried", "kept", "pieces")] + list(entry["bytes"].values())
    names = all(re.fullmatch(r"\d+\.(u8|jsonl|f4)", name) and name.partition(".")[0] == key for name in entry["bytes"])
    return names and all(type(length) is int and length >= 0 for length in lengths) and entry["kept"] <= entry["tried"]


def request_text(key: str, value: Any) -> str:
    """A part of a request for people: quotas as counts, runs by their names."""
    if key == "wanted" and isinstance(value, dict):
        counts = sorted(set(value.values()))
        return f"{counts[0]} images of each class" if len(counts) == 1 else ", ".join(f"{n} of {name}" for name, n in value.items())
    if key == "runs" and isinstance(value, list):
        return "runs " + ", ".join(f"{origin['run']} at step {origin['checkpoint']}" for origin in value)
    return f"{key} {value}"
