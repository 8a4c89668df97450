"""What is looked at before a study trains anything: the settings of its cells, and what a person should know of its images."""

from typing import Any, Dict, List, Mapping, Optional

import numpy as np

from ..algorithms.checks import check_config
from ..algorithms.registry import ALGORITHMS
from ..config.loading import load_config
from ..console import listed
from ..data import LabelledImages
from ..data.overlap import copies
from ..errors import InputError
from .arm import is_gan
from .cells import Cell, classifier_settings, key_of, learner_settings, maker_settings
from .plan import Plan
from .splits import IMBALANCED, TEST

OWN = {  # settings that a study gives its cells itself -> how to say them
    "train.seed": "seeds",
    "train.steps": "steps, gan_steps or learner_steps",
    "train.epochs": "steps, gan_steps or learner_steps",
    "classifier.architecture": "architecture",
    "data": "the arguments of the study: the data, labels, cut and policy",
    "generated": "the arms and shares",
    "eval": "patience for GANs; classifiers take all their steps",
}


def check_presets(plan: Plan) -> None:
    """Read the configurations of the cells once, so that a wrong setting costs no training.

    Raises:
        InputError: a setting that does not exist or has no effect, one that belongs to the study, a GAN without classes.
    """
    settings = plan.settings
    for name in ("overrides", "gan_overrides", "learner_overrides"):
        _check_own(name, getattr(settings, name))
    for arm in plan.arms:
        if arm.first_learner:
            learner = learner_settings(arm.first_learner, settings, 0)
            check_config(load_config(learner.pop("preset"), learner))
        if arm.learner:
            continue
        check_config(load_config("classifier", classifier_settings(arm, settings, 0)))
        if arm.makes:
            if ALGORITHMS[load_config(settings.gan).algorithm].reads_images:
                raise InputError(f"gan: {settings.gan} trains a classifier: choose a conditional GAN, such as cgan")
            made = maker_settings(arm.maker, settings, 0)
            config = load_config(made.pop("preset"), made)
            check_config(config)
            if is_gan(arm.maker) and config.generator.conditioning == "none":
                raise InputError(f"gan: {config.preset} makes images without classes: choose a conditional preset, such as cgan")


def check_different(plan: Plan) -> None:
    """See that no two arms are the same: their cells would share a row.

    Raises:
        InputError: two are.
    """
    known: Dict[str, str] = {}
    for arm in plan.arms:
        first = known.setdefault(key_of(Cell(arm, plan.scenarios[0], 0, TEST), plan.settings, ""), arm.name)
        if first != arm.name:
            raise InputError(f"arms: {first} and {arm.name} are the same with these settings: leave one out")


def _check_own(name: str, overrides: Optional[Mapping[str, Any]]) -> None:
    for key in overrides or {}:
        way = OWN.get(key) or OWN.get(key.partition(".")[0])
        if way:
            raise InputError(f"{name}: {key} belongs to the study, which gives it to its cells itself: use {way}")


def told_data(about: Mapping[str, Any]) -> str:
    """A line about the images of a study.

    Args:
        about: `Study.data`.
    """
    rows = sorted(about["classes"].items(), key=lambda row: row[1])
    (_, least), (_, most) = rows[0], rows[-1]
    each = f"{least}" if least == most else f"{least} to {most}"
    uneven = most >= IMBALANCED * least  # a misspelt label would be a small class
    names = listed([f"{name}: {count}" for name, count in rows] if uneven else about["classes"])
    shape = " x ".join(map(str, about["shape"]))
    return f"images      {about['labels']} with labels, {each} in each of {len(rows)} classes ({names}), {shape}; tested on {about['test']}"


def told_overlap(overlaps: Dict[str, int]) -> List[str]:
    """What a person should know of test images that are among the labels, in sentences.

    Args:
        overlaps: as `splits.check_test` gives them.
    """
    notes = []
    if overlaps["exact"]:
        notes.append(f"{overlaps['exact']} test images are among the labels, pixel for pixel: their scores say nothing")
    if overlaps["near"]:
        notes.append(f"{overlaps['near']} test images nearly are among the labels: is that meant?")
    return notes


def told_copies(labels: LabelledImages) -> List[str]:
    """What a person should know of images that are there more than once, in sentences."""
    first = copies(labels.images)
    many = int(np.sum(np.bincount(first, minlength=len(first)) > 1))
    notes = []
    if many:
        notes.append(f"{many} labelled images are there more than once, pixel for pixel: all copies stay on the same side of every split")
    pairs = [(int(labels.labels[a]), int(b)) for a, b in zip(first, labels.labels) if labels.labels[a] != b]
    if pairs:
        names = " and ".join(labels.class_names[label] for label in pairs[0])
        notes.append(f"{len(pairs)} labelled images are there again under another class, one of them in {names}: one label must be wrong")
    return notes
