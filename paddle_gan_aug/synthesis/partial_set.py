"""What a set is while it is being made: files that only grow, and one small file that says how far each of them counts.

An interruption, however rude, leaves longer files than `progress.json` knows of; going on cuts them to what it says and makes the rest
again, bit for bit. Nothing is held in memory, so a million images need no more of it than a thousand.
"""

import contextlib
import json
import os
import re
import shutil

import numpy as np

from ..errors import InputError
from ..files import write_json

FOLDER = ".partial"
REQUEST, PROGRESS = "request.json", "progress.json"


class PartialSet:
    """The unfinished part of a set, in `<set>/.partial`.

    Args:
        to: the set's folder, which exists.
        request: everything that decides the set, as plain values.
        resume: go on with what is there.

    Attributes:
        progress: a dict of plain values: {"classes": {key: {"tried", "kept", "pieces", "bytes": {file: length}}}, …}; empty at first.

    Raises:
        InputError: what is there belongs to another request, or is damaged.
    """

    def __init__(self, to, request, resume=False):
        self.folder = to / FOLDER
        self.progress = {}
        if resume and (self.folder / REQUEST).is_file():
            self._continue(request)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
        write_json(self.folder / REQUEST, request)

    def _continue(self, request):
        try:
            before = json.loads((self.folder / REQUEST).read_text(encoding="utf-8"))
            if (self.folder / PROGRESS).exists():
                self.progress = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self.damage(error) from None
        if not isinstance(before, dict) or not _is_progress(self.progress):
            raise self.damage("its notes are not what was written")
        request = json.loads(json.dumps(request))
        for key in sorted({*before, *request} - {"attempts"}):  # more attempts may be allowed to a set that stayed short
            if before.get(key) != request.get(key):
                with self.sound():
                    told = f"was begun with {request_text(key, before.get(key))}, not {request_text(key, request.get(key))}"
                raise InputError(f"--resume: {self.folder.parent} {told}: give the same command, or another --to")
        known = {name: length for entry in self.progress.get("classes", {}).values() for name, length in entry["bytes"].items()}
        for name, length in known.items():
            if not (self.folder / name).exists() or (self.folder / name).stat().st_size < length:
                raise self.damage(f"{name} is too short")
            os.truncate(self.folder / name, length)
        for path in self.folder.iterdir():
            if path.name not in (*known, REQUEST, PROGRESS):  # begun, and interrupted before it counted
                path.unlink()

    def damage(self, why):
        """The InputError for what an interruption left and cannot be gone on with."""
        return InputError(f"{self.folder} is damaged ({why}): remove the folder {self.folder.parent}, and begin again")

    @contextlib.contextmanager
    def sound(self):
        """Within, what turns out not to fit is said to be damaged."""
        try:
            yield
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise self.damage(error) from None

    def path(self, name):
        """A file of the partial set."""
        return self.folder / name

    def append(self, name, content):
        """Append bytes to a file; returns its new length."""
        with open(self.folder / name, "ab") as file:
            file.write(content)
            return file.tell()

    def note(self, progress):
        """Put down how far the files count."""
        self.progress = progress
        write_json(self.folder / PROGRESS, progress)

    def rows(self, name, shape, dtype):
        """A file of arrays of one shape, as a read-only [N, *shape] array on the disk; N = 0 where there is none."""
        path = self.folder / name
        if not path.exists() or not path.stat().st_size:
            return np.zeros((0, *shape), dtype)
        return np.memmap(path, dtype=dtype, mode="r").reshape(-1, *shape)

    def lines(self, name):
        """The lines of a text file, one after the other; none where there is no file."""
        path = self.folder / name
        if path.exists():
            with open(path, encoding="utf-8") as file:
                yield from file

    def json_rows(self, name):
        """The lines of a text file as dicts.

        Raises:
            InputError: one is none.
        """
        with self.sound():
            for line in self.lines(name):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"{name} holds no rows")
                yield row

    def remove(self):
        """The set is complete: nothing of this is needed any more."""
        shutil.rmtree(self.folder)


def _is_progress(found):
    """Whether `progress` is what `note` puts down; its file names are those of the partial set, and lead nowhere else."""
    classes = found.get("classes", {}) if isinstance(found, dict) else None
    return isinstance(classes, dict) and all(map(_is_entry, classes, classes.values()))


def _is_entry(key, entry):
    if not isinstance(entry, dict) or not isinstance(entry.get("bytes"), dict):
        return False
    lengths = [entry.get(name) for name in ("tried", "kept", "pieces")] + list(entry["bytes"].values())
    names = all(re.fullmatch(r"\d+\.(u8|jsonl|f4)", name) and name.partition(".")[0] == key for name in entry["bytes"])
    return names and all(type(length) is int and length >= 0 for length in lengths) and entry["kept"] <= entry["tried"]


def request_text(key, value):
    """A part of a request as people read it: quotas as counts, runs by their names."""
    if key == "wanted" and isinstance(value, dict):
        counts = sorted(set(value.values()))
        return f"{counts[0]} images of each class" if len(counts) == 1 else ", ".join(f"{n} of {name}" for name, n in value.items())
    if key == "runs" and isinstance(value, list):
        return "runs " + ", ".join(f"{origin['run']} at step {origin['checkpoint']}" for origin in value)
    return f"{key} {value}"
