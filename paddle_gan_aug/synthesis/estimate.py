"""How long `augment_data` will take, from a few steps of each network on this machine.

Other work comes and goes, and how many images pass the filters is not known before: every time is a range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import numpy as np

from .. import runtime
from ..algorithms import build
from ..config.loading import Config, load_config
from ..data import LabelledImages, to_network, to_uint8
from ..runs.batches import planned_steps, training_batches
from ..runs.timing import DRAWN, Seconds, Timed, drawing, rate, time_training
from .held_out import FOLDS, fold_config, needs_folds
from .plan import Plan
from .reader import Reader
from .real_files import RealPart
from .writers import png_bytes

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm  # it imports Paddle without ado

PASSING = (1.0, 0.25)  # the share of images that filters keep, at best and at worst
FIRST_FILES = 50


def estimated_steps(plan: Plan) -> List[Dict[str, Any]]:
    """The stages of a plan with the time that each takes: [{"what", "seconds", "low", "high"}].

    `low` and `high` bound the time in seconds, and `seconds` is the middle between them.
    """
    stages, reader = [], None
    if plan.samplers is None:
        stage, algorithm = _training(plan)
        stages.append(stage)
    else:
        algorithm = plan.samplers.runs[0].algorithm
    if plan.filters.names:
        timed = _timed(plan.classifier_config(), plan.learnt)
        reader = timed.algorithm
        if plan.reader is None:
            stages.append(timed.step.times(timed.steps).step(f"train the filters' classifier ({timed.steps} steps)"))
        if folds := plan.folds:
            seconds = timed.step.times(folds * timed.steps)
            stages.append(seconds.step(f"see how well such a classifier reads images it did not learn ({folds} times)"))
    stages.append(_generating(plan, algorithm, reader))
    real = int(sum(part.counts().sum() for part in plan.parts))
    stages.append(_copying(plan.parts[0]).times(real).step(f"copy {real} real images"))
    return stages


def _generating(plan: Plan, algorithm: Algorithm, reader: Optional[Algorithm]) -> Dict[str, Any]:
    """The stage that draws, filters and writes the images."""
    count, each = sum(plan.quotas.values()), _of_an_image(algorithm, reader)
    if reader is None:
        return each.times(count).step(f"generate and write {count} images")
    best, worst = PASSING
    seconds = Seconds(each.low * count / best, each.high * count / worst)
    seconds = seconds.plus(_reading(reader, plan.learnt.images[:DRAWN]).times(len(plan.learnt)))  # the filters read them first
    return seconds.step(f"generate, filter and write {count} images (if between {100 * worst:.0f} and {100 * best:.0f} % pass)")


def _training(plan: Plan) -> Tuple[Dict[str, Any], Algorithm]:
    """(the stage, a GAN) of one GAN, or of one for each class, which begins with a batch no larger than the class."""
    if not plan.per_class_runs:
        timed = _timed(plan.config, plan.learnt)
        return timed.step.times(timed.steps).step(f"train a GAN ({plan.config.preset}, {timed.steps} steps)"), timed.algorithm
    of_class = [_of_one_class(plan, name) for name in plan.quotas]
    timed = _timed(*max(of_class, key=lambda pair: len(pair[1])))
    totals = [planned_steps(config, timed.algorithm.steps_per_epoch(training_batches(config, images))) for config, images in of_class]
    each = " to ".join(map(str, sorted({min(totals), max(totals)})))
    what = f"train {len(totals)} GANs, one for each class that lacks images ({plan.config.preset}, {each} steps each)"
    return timed.step.times(sum(totals)).step(what), timed.algorithm


def _of_one_class(plan: Plan, name: str) -> Tuple[Config, LabelledImages]:
    """(configuration, images) of one class, as `train_per_class` has them."""
    images = plan.learnt.of_class(name)
    return load_config(plan.config, {"data.class_name": name, "train.batch_size": min(plan.config.train.batch_size, len(images))}), images


def _timed(config: Config, images: LabelledImages) -> Timed:
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    algorithm = build(config, images.shape, images.class_names)
    return time_training(config, algorithm, training_batches(config, images, pairs=algorithm.pairs))


def folds_steps(reader: Reader) -> List[Dict[str, Any]]:
    """The step of the networks that say how well a trained classifier reads images it did not learn; [] where none are needed."""
    learnt = reader.parts.read("train")
    if not needs_folds(learnt, reader.parts.find("valid")):
        return []
    timed = _timed(fold_config(reader.run, learnt), learnt)
    what = f"see how well the filters' classifier reads images it did not learn ({FOLDS} networks of {timed.steps} steps)"
    return [timed.step.times(FOLDS * timed.steps).step(what)]


def _of_an_image(algorithm: Algorithm, reader: Optional[Algorithm]) -> Seconds:
    """The time to draw an image, to read it with the filters' classifier, and to write it."""
    images = to_uint8(algorithm.sample(DRAWN, runtime.rng(0, "estimate")))
    seconds = drawing(algorithm).plus(encoding(images).times(2))  # encoded, and on the disk
    return seconds if reader is None else seconds.plus(_reading(reader, images))


def _reading(reader: Algorithm, images: np.ndarray) -> Seconds:
    return rate(lambda images: reader.read(to_network(images)), images)


def encoding(images: np.ndarray) -> Seconds:
    """The time to make a PNG file of one of these images."""
    return rate(lambda images: [png_bytes(image) for image in images], images)


def _copying(part: RealPart) -> Seconds:
    """The time to read and write a real image, or to draw it as a picture."""
    if part.files is None:
        return encoding(part.images[:DRAWN]).times(2)
    return rate(lambda files: [file.read_bytes() for file in files], part.files[:FIRST_FILES]).times(4)
