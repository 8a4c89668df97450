"""Settings of the classifier, chosen once for the arms `real` and `classical`, on images that no cell of a study learns or tests.

The labels are drawn from the validation part of a set, and the rest of that part scores: studies draw theirs from the training part, and
test images play no part.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from paddle_gan_aug import runtime
from paddle_gan_aug.data import LabelledImages, load
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import find_path, make_folder, write_json
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell, Settings
from paddle_gan_aug.study.splits import CHOOSE, CellImages, Scenario
from paddle_gan_aug.study.work import compute

SCORED = 4000  # images
_HOW = {"steps": 300, "batch_size": 64, "policy": "digits", "overrides": {}}
ROW = {"data": "mnist", "labels": 10, "arm": "classical", "seeds": [0, 1], **_HOW}
Row = Dict[str, Any]


def classifier_settings(rows: str, to: str, only: Optional[Sequence[str]], say: Callable[[str], None]) -> Tuple[List[Row], str]:
    """`classifier-settings`: train what has no result yet; returns (all results, their table).

    Args:
        rows: a YAML file, a list of dicts with a name and what differs from `ROW`. to: the folder of results, `<name>-seed-<s>.json`.
    """
    to, found = make_folder(find_path(to)), []
    for row in read_rows(rows):
        for seed in row["seeds"]:
            path = to / (re.sub(r"\W+", "-", row["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or row["name"] in only):
                result = _score(row, seed)
                write_json(path, result)
                say(f"{row['name']}, seed {seed}: {100 * result['accuracy']:.2f} %, {result['seconds']:.0f} s")
            if path.exists():
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found, settings_table(found)


def read_rows(path: str) -> List[Row]:
    """The rows of a file, each with every key.

    Raises:
        InputError: no such file, or not such rows.
    """
    try:
        rows = [{**ROW, **row} for row in yaml.safe_load(find_path(path).read_text(encoding="utf-8"))]
        if any(set(row) != {*ROW, "name"} for row in rows):
            raise ValueError("a row has another key")
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a list of rows with the keys name, {', '.join(ROW)} ({error})") from None
    return rows


def images_of(data: str, labels: int, seed: int) -> CellImages:
    """So many labels of each class, and `SCORED` other images, all of the validation part."""
    valid = load(data, "valid")
    order = runtime.rng(seed, "settings", labels).permutation(len(valid))
    chosen = np.concatenate([order[valid.labels[order] == label][:labels] for label in np.flatnonzero(valid.counts())])
    rest = order[~np.isin(order, chosen)][:SCORED]
    return CellImages(_part(valid, chosen), _part(valid, rest))


def _part(images: LabelledImages, places: np.ndarray) -> LabelledImages:
    return images.subset(np.sort(places))


def _score(row: Row, seed: int) -> Row:
    images = images_of(row["data"], row["labels"], seed)
    settings = Settings(threads=1, **{**{key: row[key] for key in _HOW}, "overrides": row["overrides"] or None})
    with tempfile.TemporaryDirectory() as folder:
        cell = Cell(arm_of(row["arm"]), Scenario(row["labels"]), seed, CHOOSE)
        scored = compute(cell, images, settings, Path(folder), images.train.fingerprint())
    if scored["error"]:
        raise RunFailed(f"{row['name']}: {scored['error']}")
    kept = {key: scored[key] for key in ("accuracy", "labels", "tested", "seconds", "version")}
    return {**{key: row[key] for key in ("name", *ROW) if key != "seeds"}, "seed": seed, **kept, "labels_a_class": row["labels"]}


def settings_table(rows: Sequence[Row]) -> str:
    """A line of Markdown for each arm and settings: the mean accuracy in each set, and its difference to the first line of the arm."""
    sets = sorted({(row["data"], row["labels_a_class"]) for row in rows})
    names = [f"{Path(data).name}, {labels}" for data, labels in sets]
    lines = ["| arm | settings | " + " | ".join(names) + " | mean |", "|---|---|" + "---|" * (len(sets) + 1)]
    keys = list(dict.fromkeys((row["arm"], _told(row)) for row in rows))
    for arm, told in keys:
        means = []
        for data, labels in sets:
            mine = [r["accuracy"] for r in rows if (r["arm"], _told(r), r["data"], r["labels_a_class"]) == (arm, told, data, labels)]
            means.append(100 * float(np.mean(mine)) if mine else None)
        there = [value for value in means if value is not None]
        cells = ["–" if value is None else f"{value:.2f}" for value in means]
        lines.append(f"| {arm} | {told} | {' | '.join(cells)} | {np.mean(there):.2f} |")
    return "\n".join(lines)


def _told(row: Row) -> str:
    further = [f"{key.rpartition('.')[2]} {value}" for key, value in row["overrides"].items()]
    return ", ".join([f"{row['steps']} steps of {row['batch_size']}", *further])
