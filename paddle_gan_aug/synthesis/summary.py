"""What a set on the disk says of itself: how many images of each class, what the filters dropped, and what that tells
of the GAN.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from ..console import one_line
from ..data import DataSpec, LabelledImages, load, read_images
from ..data.listing import natural
from ..data.written_set import DROPPED, MANIFEST, read_json_object, read_manifest
from ..errors import InputError
from ..runs.dry_run import DryRun
from .filters import FILTERS

READ_AS_OTHER = "agreement"  # the filter that asks whether the classifier reads the class


@dataclass(frozen=True)
class GeneratedSet:
    """A generated set on the disk.

    Attributes:
        folder: where it lies.
        counts: {class name: images}; the name is None for images of a run without classes.
        dropped: {reason: images that filters dropped for it}, most frequent first; {} without filters.
        dry_run: what a command would do that was only tried, a `DryRun`; else None. The counts are those asked for then.
    """

    folder: Path
    counts: Dict[Optional[str], int]
    dropped: Dict[str, int]
    dry_run: Optional[DryRun] = None

    @classmethod
    def of(cls, folder: Path) -> "GeneratedSet":
        """The set that lies in a folder.

        Raises:
            InputError: its manifest or dropped.json is damaged.
        """
        return cls(folder, count_by_class(folder), dropped_reasons(folder))

    @property
    def count(self) -> int:
        """How many images there are."""
        return sum(self.counts.values())

    def images(self) -> LabelledImages:
        """Load the images. Those of a run without classes are all of one class, named after the folder.

        Raises:
            InputError: the set has changed since it was made.
        """
        rows = list(read_manifest(self.folder))
        if any("/" in row["file"] or "index" in row for row in rows):
            return load(DataSpec(str(self.folder)), "train", split="full")
        names = [row["class"] or self.folder.resolve().name for row in rows]
        classes = sorted(set(names), key=natural)
        labels = np.array([classes.index(name) for name in names], dtype=np.int64)
        return LabelledImages(read_images(self.folder)[0], labels, classes, str(self.folder))


def count_by_class(folder: Path) -> Dict[Optional[str], int]:
    """{class name: images} of the manifest of a set.

    Raises:
        InputError: it is damaged.
    """
    counts: Dict[Optional[str], int] = {}
    for row in read_manifest(Path(folder)):
        name = row.get("class")
        counts[name] = counts.get(name, 0) + 1
    return counts


def dropped_reasons(folder: Path) -> Dict[str, int]:
    """{reason: images that filters dropped for it} of a set, most frequent first; {} without filters.

    Raises:
        InputError: dropped.json is damaged.
    """
    reasons = _counts(read_json_object(Path(folder) / DROPPED).get("dropped", {}), folder)
    return dict(sorted(((reason, n) for reason, n in reasons.items() if n), key=lambda item: -item[1]))


def worth(folder: Path) -> Dict[str, dict]:
    """What the filters tell of the generator of a set: {class name: {"tried", "kept", "read_as_class"}} of the classes
    that were tried.

    `read_as_class` is the share, 0 to 1, that the classifier reads as the class, of the images that came to it; None if
    it was not asked.

    Raises:
        InputError: dropped.json is damaged.
    """
    found = {}
    classes = read_json_object(Path(folder) / DROPPED).get("classes", {})
    for name, part in as_object(classes, folder).items():
        dropped = _counts(as_object(part, folder).get("dropped", {}), folder)
        own = _counts({key: part.get(key) for key in ("tried", "kept")}, folder)
        if own["tried"]:
            found[name] = {**own, "read_as_class": _read_as_class(own["tried"], dropped)}
    return found


def _read_as_class(tried: int, dropped: Dict[str, int]) -> Optional[float]:
    reason = FILTERS[READ_AS_OTHER].reason
    if reason not in dropped:
        return None
    before = itertools.takewhile(lambda name: name != READ_AS_OTHER, FILTERS)
    came = tried - sum(dropped.get(FILTERS[name].reason, 0) for name in before)
    return (came - dropped[reason]) / came if came > 0 else 0.0


def worth_lines(folder: Path) -> List[str]:
    """What a filtered set is worth, in lines for people; [] if no classifier judged it."""
    account = read_json_object(Path(folder) / DROPPED)
    if "held_out" not in account:
        return []
    counts, right, passed, passed_right = count_by_class(folder), {}, 0, 0
    for row in read_manifest(Path(folder)):
        is_right = row.get("read_as") == row["class"]
        right[row["class"]] = right.get(row["class"], 0) + is_right
        passed, passed_right = passed + ("dropped_by" not in row), passed_right + (is_right and "dropped_by" not in row)
    held_out = {name: account["held_out"][name] for name in counts if name in account["held_out"]}
    real, real_right = (sum(part[key] for part in held_out.values()) for key in ("images", "read_right"))
    lines = [
        f"the classifier reads {passed_right} of the {passed} generated images that passed as the class asked for, and {real_right} of "
        f"{real} real images of these classes that it did not learn"
    ]
    for name, filters in account.get("stepped_aside", {}).items():
        part = held_out.get(name, {"images": 0, "read_right": 0})
        lines.append(
            f"class {name}: {', '.join(filters)} stepped aside (the classifier reads {part['read_right']} of {part['images']} such real "
            f"images right); {right.get(name, 0)} of its {counts.get(name, 0)} generated ones are read as {name}: look at them"
        )
    for name, number in account.get("taken_all_the_same", {}).items():
        lines.append(
            f"class {name}: {number} of {counts[name]} generated images had been dropped and are the best of what there is "
            f"(dropped_by in {MANIFEST}): look at them, or train the GAN longer"
        )
    return [one_line(line) for line in lines]


def as_object(found: Any, folder: Path) -> dict:
    """A part of dropped.json that must be a JSON object.

    Raises:
        InputError: it is none.
    """
    if not isinstance(found, dict):
        raise InputError(f"{Path(folder) / DROPPED} is damaged: make the set again")
    return found


def _counts(found: Any, folder: Path) -> Dict[str, int]:
    if not all(type(n) is int and n >= 0 for n in as_object(found, folder).values()):
        raise InputError(f"{Path(folder) / DROPPED} is damaged: make the set again")
    return found
