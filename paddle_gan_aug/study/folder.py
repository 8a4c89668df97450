"""The folder of a study that nobody named: one for each data set, also where two have folders of one name."""

import hashlib
import itertools
import os
from pathlib import Path

from ..data.load import NAMED, place_of
from ..files import project_root, write_json
from .splits import StudyData
from .stored import read_beginning, read_place

STUDY, PLACE, CHARTS = "study.json", "data.json", "charts"


def name_of(source: str) -> str:
    """The name of data as a part of a file name."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(source).name) or "data"


def default_folder(data: StudyData) -> Path:
    """`output/study-<name of the data>`, or the first of …-2, …-3, … in which no study of other data has begun.

    Raises:
        InputError: what a study says of its data is damaged.
    """
    first = project_root() / "output" / f"study-{name_of(data.source)}"
    folders = itertools.chain([first], (first.with_name(f"{first.name}-{number}") for number in itertools.count(2)))
    return next(folder for folder in folders if not _of_other_data(folder, data))


def note_data(folder: Path, data: StudyData) -> None:
    """Write down in the folder of a study which data it is of."""
    write_json(folder / PLACE, {"place": _place(data), "fingerprint": data.fingerprint()})


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
