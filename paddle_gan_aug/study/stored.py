"""The JSON files of a study as they are read back: checked for what the report and the statistics take from them.

They may have been edited, or lie on a disk that was full. What is no such file is named, with what to do about it.
"""

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import msgspec

from ..config.arguments import in_words
from ..config.fields import Count, Positive, Probability, Rate
from ..errors import InputError
from ..files import read_json
from .arguments import Measure
from .arms import arm_of

ROWS = "rows"  # the folder of rows in that of a study


class Cell(msgspec.Struct):
    """What every row has: which cell it is of, and how it failed."""

    key: str
    arm: str
    scenario: str
    seed: Count
    role: str
    error: Optional[str]
    seconds: float


class Memorisation(msgspec.Struct):
    """How close generated images are to those that were learnt."""

    duplicates: float
    closer: float


class Made(msgspec.Struct):
    """What is known of images that were made for a cell."""

    maker_seconds: float
    accepted: Optional[Count] = None
    memorisation: Optional[Memorisation] = None
    dropped: Optional[Dict[str, Any]] = None
    set: Optional[str] = None


class Scored(msgspec.Struct):
    """What the row of a cell that did not fail has besides."""

    labels: Count
    class_names: List[str]
    tested: Positive
    accuracy: Probability
    balanced_accuracy: Probability
    recall: List[Optional[Probability]]
    confusion_matrix: List[List[Count]]
    right: str
    classifier_seconds: float
    made: Optional[Dict[str, Any]]
    cut_recall: Optional[float] = None
    config: Optional[str] = None


class ArmSummary(msgspec.Struct):
    """An arm in results.json."""

    scenario: str
    arm: str
    says: str
    upper: bool
    seeds: Count
    failed: List[str]
    labels: Optional[Count]
    mean: Optional[Probability]
    spread: Optional[float]
    accuracy: Optional[Probability]
    classifier_minutes: Optional[float]
    maker_minutes: Optional[float]


class OfClass(msgspec.Struct):
    """The difference of a class's recall."""

    name: str = msgspec.field(name="class")
    mean: float
    low: Optional[float]
    high: Optional[float]
    count: Positive


class Compared(msgspec.Struct):
    """A comparison in results.json."""

    scenario: str
    arm: str
    rival: str
    named: bool
    count: Positive
    mean: float
    low: Optional[float]
    high: Optional[float]
    smallest: Optional[float]
    seed_noise: Optional[float]
    image_noise: Optional[float]
    verdict: str
    differences: List[float]
    classes: List[OfClass]


class Named(msgspec.Struct):
    """What the cell of a row is called in a study: another study may call it otherwise."""

    arm: str
    scenario: str
    seed: Count
    role: str


class Results(msgspec.Struct):
    """What the report takes from results.json."""

    data: Dict[str, Any]
    verdict: str
    arms: List[ArmSummary]
    comparisons: List[Compared]
    recommended: Dict[str, Any]
    notes: List[str]
    measure: Measure
    margin: Probability
    gan_arm: Optional[str]
    rival: str
    version: str
    plan: Optional[List[str]]
    cells: Optional[Dict[str, Named]] = None  # of its rows, by key; None = all that are there, of a version that did not note them


class Names(msgspec.Struct):
    """The arms that are compared."""

    gan_arm: Optional[str]
    rival: str


class Beginning(msgspec.Struct):
    """What study.json says: what was asked for, and the arms that were named before a test image was scored."""

    asked: Dict[str, Any]
    named: Names


class Place(msgspec.Struct):
    """What data.json says: the SHA-256 of the path of the data and of its images and labels, and how slow the first machine was."""

    place: str
    fingerprint: str
    slowness: Optional[Rate] = None


def read_place(path: Path) -> Dict[str, Any]:
    """What data.json holds.

    Raises:
        InputError: It is damaged.
    """
    return _read(path, _is(Place), "note on a study's data", "remove it, and the study's command writes it anew")


def read_row(path: Path) -> Dict[str, Any]:
    """The row of a cell.

    Raises:
        InputError: It is damaged, or is of another cell than its file's name says.
    """

    def check(row: Any) -> None:
        _check_row(row)
        if row["key"] != path.stem:  # configurations are written by this name
            raise ValueError(f"its key is {row['key']!r}")

    return _read(path, check, "row of a study", "remove it, and the cell is computed again")


def check_together(rows: Sequence[Dict[str, Any]], folder: Path) -> None:
    """Check that rows can be compared: all of the same classes, and those of one part, scenario and seed of the same test images.

    Args:
        rows: of one study. folder: of that study.

    Raises:
        InputError: two differ.
    """
    scored = [row for row in rows if not row["error"]]
    _check_alike(folder, "classes", [(row, tuple(row["class_names"])) for row in scored])
    for place in dict.fromkeys((row["role"], row["scenario"], row["seed"]) for row in scored):
        same = [row for row in scored if (row["role"], row["scenario"], row["seed"]) == place]
        _check_alike(folder, "numbers of test images", [(row, row["tested"]) for row in same])


def _check_alike(folder: Path, of_what: str, found: Sequence[Tuple[Dict[str, Any], Any]]) -> None:
    """Check that all rows have the same value; of two that differ nothing says which one was changed."""
    odd = next((row for row, value in found if value != found[0][1]), None)
    if odd is not None:
        one, other = (folder / ROWS / f"{row['key']}.json" for row in (found[0][0], odd))
        raise InputError(f"{one} and {other} have different {of_what}: remove both, and their cells are computed again")


def read_results(path: Path) -> Dict[str, Any]:
    """What results.json holds.

    Raises:
        InputError: It is damaged.
    """
    return _read(path, _is(Results), "result of a study", "remove it, and the study's command writes it from the rows")


def read_beginning(path: Path) -> Dict[str, Any]:
    """What study.json holds.

    Raises:
        InputError: It is damaged.
    """
    advice = "remove it, and the study's command names the arms to compare anew"
    return _read(path, _is(Beginning), "beginning of a study", advice)


def _is(kind: type) -> Callable[[Any], Any]:
    return lambda found: msgspec.convert(found, kind)


def _read(path: Path, check: Callable[[Any], Any], what: str, advice: str) -> Dict[str, Any]:
    try:
        found = read_json(path)
        check(found)
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at `$")[2].strip("`.")
        reason = in_words(str(error)) + (f" at {where}" if where else "")
    except (OSError, ValueError, InputError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    else:
        return found
    raise InputError(f"{path} is no {what} ({reason}): {advice}")


def _check_row(row: Any) -> None:
    cell = msgspec.convert(row, Cell)
    arm_of(cell.arm)
    if cell.error is not None:
        return
    scored = msgspec.convert(row, Scored)
    if scored.made:
        msgspec.convert(scored.made, Made)
    classes = len(scored.class_names)
    if len(scored.recall) != classes or {len(line) for line in scored.confusion_matrix} | {len(scored.confusion_matrix)} != {classes}:
        raise ValueError(f"it has {classes} class names, and another number of recalls or rows and columns of its confusion matrix")
    if 8 * len(bytes.fromhex(scored.right)) < scored.tested:
        raise ValueError(f"it does not say of {scored.tested} test images which were read rightly")
