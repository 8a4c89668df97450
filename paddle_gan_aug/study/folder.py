"""The folder of a study that nobody named: one for each data set, also where two have folders of one name."""

import hashlib
import itertools
import os
from pathlib import Path
from typing import Optional

from ..data.load import NAMED, place_of
from ..errors import InputError
from ..files import project_root, write_json
from .splits import StudyData
from .stored import ROWS, read_beginning, read_place

LONGEST = 80  # bytes of a name: an arm is added to it, and a disk may take 143
STUDY, PLACE, CHARTS = "study.json", "data.json", "charts"


def name_of(source: str) -> str:
    """The name of data as a part of a file name."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(source).name)
    return name.lstrip(".").encode()[:LONGEST].decode(errors="ignore") or "data"


def default_folder(data: StudyData) -> Path:
    """`output/study-<name of the data>`, or the first of …-2, …-3, … in which no study of other data has begun.

    Raises:
        InputError: what a study says of its data is damaged.
    """
    first = project_root() / "output" / f"study-{name_of(data.source)}"
    folders = itertools.chain([first], (first.with_name(f"{first.name}-{number}") for number in itertools.count(2)))
    return next(folder for folder in folders if not _of_other_data(folder, data))


def check_folder(folder: Path) -> None:
    """Check that a folder is missing or empty, or holds what a study has written.

    Raises:
        InputError: it holds something else.
    """
    if folder.is_dir():
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if names and not names & {STUDY, PLACE, ROWS}:
            raise InputError(f"{folder} is not empty, and holds no study: choose an empty or new folder, or that of a study")


def note_data(folder: Path, data: StudyData, slowness: float) -> None:
    """Write down in the folder of a study which data it is of, and for how slow a machine it is planned; 1 may say that nobody knows."""
    noted = noted_slowness(folder) if slowness == 1 else slowness
    write_json(folder / PLACE, {"place": _place(data), "fingerprint": data.fingerprint(), "slowness": noted})


def noted_slowness(folder: Path) -> Optional[float]:
    """For how slow a machine the study of a folder is planned: a budget must mean the same plan whenever it goes on.

    None = not known; a study of an earlier version was planned for the machine of the tables.

    Raises:
        InputError: what the study says of its data is damaged.
    """
    if (folder / PLACE).exists():
        return read_place(folder / PLACE).get("slowness", 1.0)
    return 1.0 if (folder / STUDY).exists() else None


def _place(data: StudyData) -> str:
    """The SHA-256 of where the data is: a study may be handed on, and its reader need not know the folders of this machine."""
    place = data.source if data.source in NAMED else str(place_of(data.spec).resolve())
    return hashlib.sha256(os.fsencode(place)).hexdigest()


def _of_other_data(folder: Path, data: StudyData) -> bool:
    if (folder / PLACE).exists():
        known = read_place(folder / PLACE)
        return known["place"] != _place(data) and known["fingerprint"] != data.fingerprint()
    if (folder / STUDY).exists():  # of a version that did not note the place
        return read_beginning(folder / STUDY)["asked"].get("data") != data.fingerprint()
    return False
