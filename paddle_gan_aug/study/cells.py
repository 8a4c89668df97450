"""Cells: one arm in one scenario with one seed. Each is a JSON file, written as it ends and never computed twice."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

from ..config.loading import load_config
from ..files import make_folder, write_json
from .arm import MAKERS, Arm, is_gan
from .arms import PRETRAINED
from .splits import Scenario
from .stored import ROWS, check_together, read_row

RESULTS_VERSION = 1  # raised when the same settings no longer give the same numbers


@dataclass(frozen=True)
class Settings:
    """What all cells of a study have in common.

    Attributes:
        steps: of every classifier. batch_size: of a classifier, made smaller where there are fewer images. architecture: "lenet",
            "lenet-pooled" or "resnet". gan_steps: of a GAN or another maker. per_class: images that are made of each class. members: of
            the arm `ensemble`. overrides: further configuration keys of every classifier. gan_overrides: of every GAN. gan: its preset.
        patience: measurements of a GAN's samples without a better one after which it stops, see `parts`; None = it takes all its steps.
        learner_steps: of arms that learn images without labels; None = those of their preset. learner_overrides: further
            configuration keys of these. unlabelled: the fingerprint of the images without labels that were given, or None.
        folds: where there are no test images. policy: the value of `data.policy`. threads: of each worker. allow_overlap: as in `data`.
    """

    steps: int = 400
    batch_size: int = 64
    architecture: str = "lenet"
    gan_steps: int = 600
    per_class: int = 200
    members: int = 5
    folds: int = 8
    policy: str = "auto"
    threads: int = 1
    allow_overlap: bool = False
    gan: str = MAKERS["gan"][0]
    overrides: Optional[Dict[str, Any]] = None
    gan_overrides: Optional[Dict[str, Any]] = None
    patience: Optional[int] = None
    learner_steps: Optional[int] = None
    learner_overrides: Optional[Dict[str, Any]] = None
    unlabelled: Optional[str] = None

    def steps_of(self, learner: str) -> int:
        """The steps of a preset that learns images without labels."""
        return self.learner_steps or load_config(learner).train.steps


@dataclass(frozen=True)
class Cell:
    """One arm × scenario × seed, and what its number is of (`role`: see `splits`)."""

    arm: Arm
    scenario: Scenario
    seed: int
    role: str

    @property
    def place(self) -> Tuple[str, str, int, str]:
        """What tells it from the other cells of a study; see `place_of_row`."""
        return self.arm.name, self.scenario.name, self.seed, self.role


def place_of_row(row: Dict[str, Any]) -> Tuple[str, str, int, str]:
    """`Cell.place` of the cell that a row is of."""
    return row["arm"], row["scenario"], row["seed"], row["role"]


def classifier_settings(arm: Arm, settings: Settings, seed: int) -> Dict[str, Any]:
    """Configuration keys of an arm's classifier, but for where its images are."""
    found = {
        "train.seed": seed,
        "train.steps": settings.steps,
        "classifier.architecture": settings.architecture,
        "data.policy": settings.policy,
        **(settings.overrides or {}),
        **arm.settings,
    }
    if arm.maker:
        if arm.pretrains:
            found["generated.pretrain_steps"] = max(1, round(PRETRAINED * settings.steps))
        else:
            found["generated.share"] = arm.share
        if arm.renewed:
            found["generated.every_steps"] = max(1, settings.steps // 4)
            found["generated.per_class"] = settings.per_class
    return found


def learner_settings(arm: Arm, settings: Settings, seed: int) -> Dict[str, Any]:
    """(preset under the key "preset" and) configuration keys of an arm that learns images without labels in place of the classifier."""
    found = {"preset": arm.learner, "train.seed": seed, "data.policy": settings.policy, **arm.settings}
    if settings.learner_steps:
        usual, start = load_config(arm.learner), "semi_supervised.consistency_start"
        found["train.steps"] = settings.learner_steps
        scaled = round(usual.semi_supervised.consistency_start * settings.learner_steps / usual.train.steps)
        found.setdefault(start, scaled)  # the same part of a run, however long it is
    return {**found, **(settings.learner_overrides or {})}


def maker_settings(maker: str, settings: Settings, seed: int) -> Dict[str, Any]:
    """(preset under the key "preset" and) configuration keys of what makes an arm's images."""
    preset, overrides = MAKERS[maker]
    filled = {key: value.format(policy=settings.policy) if isinstance(value, str) else value for key, value in overrides.items()}
    own = (settings.gan_overrides or {}) if is_gan(maker) else {}
    preset = settings.gan if is_gan(maker) else preset
    return {"preset": preset, **filled, "train.seed": seed, "train.steps": settings.gan_steps, "data.policy": settings.policy, **own}


def key_of(cell: Cell, settings: Settings, fingerprint: str) -> str:
    """What a cell's number depends on, as 16 hexadecimal digits.

    Args:
        fingerprint: of the study's data, `StudyData.fingerprint`.
    """
    arm = cell.arm
    parts = {
        "version": RESULTS_VERSION,
        "data": fingerprint,
        "scenario": {name: value for name, value in asdict(cell.scenario).items() if name != "new" or value},
        "seed": cell.seed,
        "role": cell.role,
        "batch": settings.batch_size,
        "folds": settings.folds,
        "classifier": (learner_settings if arm.learner else classifier_settings)(arm, settings, cell.seed),
        "maker": maker_settings(arm.maker, settings, cell.seed) if arm.makes else arm.maker,
        "made": [settings.per_class, arm.filters, arm.teacher] if arm.maker else None,
        "members": settings.members if arm.ensemble else 1,
    }
    if settings.patience and is_gan(arm.maker):
        parts["patience"] = settings.patience
    if arm.unlabelled:
        parts["unlabelled"] = settings.unlabelled
    if arm.taught_by:
        parts["taught_by"] = learner_settings(arm.taught_by, settings, cell.seed)
    if arm.makes and not is_gan(arm.maker):
        parts["sources"] = "of each class alike"
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def row_path(folder: Path, key: str) -> Path:
    """Where the row of a key is."""
    return folder / ROWS / f"{key}.json"


def store(folder: Path, row: Dict[str, Any]) -> None:
    """Write a cell's row, whole or not at all."""
    make_folder(folder / ROWS)
    write_json(row_path(folder, row["key"]), row)


def read_rows(folder: Path) -> List[Dict[str, Any]]:
    """All rows of a study, in the order of arms, scenarios and seeds.

    Raises:
        InputError: one is damaged.
    """
    rows = [read_row(path) for path in sorted((folder / ROWS).glob("*.json"))]
    return sorted(rows, key=lambda row: (row["role"], row["scenario"], row["arm"], row["seed"]))


def rows_of(folder: Path, names: Dict[str, Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The rows of some cells, in the order of `read_rows`; rows of other settings or other data may lie beside them.

    Args:
        names: {key: {"arm", "scenario", "seed", "role"}}, which take the place of the row's own: "gan" may be stored as "gan@0.25".

    Raises:
        InputError: A row is damaged, or cannot be compared with the others.
    """
    rows = [{**row, **names[row["key"]]} for row in read_rows(folder) if row["key"] in names]
    check_together(rows, folder)
    return rows


def names_of(cell: Cell) -> Dict[str, Any]:
    """What a cell is called: its arm, scenario, seed and role."""
    return {"arm": cell.arm.name, "scenario": cell.scenario.name, "seed": cell.seed, "role": cell.role}


def missing(cells: Iterable[Cell], settings: Settings, fingerprint: str, folder: Path, retry: bool = False) -> List[Cell]:
    """The cells that have no row yet; with `retry`, also those whose row says that they failed.

    Raises:
        InputError: one is damaged.
    """
    found = []
    for cell in cells:
        path = row_path(folder, key_of(cell, settings, fingerprint))
        if not path.exists() or (retry and read_row(path)["error"]):
            found.append(cell)
    return found
