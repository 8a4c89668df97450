"""How long `augment_data` will take, from a few steps of each network on this machine.

Other work comes and goes, and how many images pass the filters is not known before: every time is a range.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .. import runtime
from ..algorithms import build
from ..config.loading import Config, load_config
from ..data import LabelledImages, to_network, to_uint8
from ..runs.batches import planned_steps, training_batches
from ..training.loop import Callback, Progress, run_steps
from .plan import Plan
from .real_files import RealPart
from .writers import png_bytes

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm  # it imports Paddle without ado

WARM_UP, ROUNDS, STEPS = 3, 4, 3  # steps that do not count; then so many times so many steps
MARGIN = 0.15  # beyond the fastest and the slowest round: records, checkpoints, other work
DRAWN = 200  # images that are drawn, read and written for the estimate
PASSING = (1.0, 0.25)  # the share of images that filters keep, at best and at worst
FIRST_FILES = 50


class Seconds(NamedTuple):
    """A time between two bounds, in seconds."""

    low: float
    high: float

    def plus(self, other: Seconds) -> Seconds:
        """The time that both take together."""
        return Seconds(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Seconds:
        """The time that it takes `factor` times."""
        return Seconds(self.low * factor, self.high * factor)

    def step(self, what: str) -> Dict[str, Any]:
        """A step of the estimate as plain values, with the middle of the range as its seconds."""
        return {"what": what, "seconds": (self.low + self.high) / 2, "low": self.low, "high": self.high}


class Timed(NamedTuple):
    """A network that took a few steps: the time of a step with its share of the looks at samples, its steps in all, and
    itself.
    """

    step: Seconds
    steps: int
    algorithm: Algorithm


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


class _Stopwatch(Callback):
    """Notes when each step was done, and ends the training after a few."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def on_step(self, progress: Progress) -> None:
        float(next(iter(progress.values.values())))  # the step is done when its values are there
        self.times.append(time.perf_counter())
        progress.stopped = len(self.times) >= WARM_UP + ROUNDS * STEPS

    def rounds(self) -> List[float]:
        """The seconds of a step in each round."""
        ends = self.times[WARM_UP - 1 :: STEPS]
        return [(after - before) / STEPS for before, after in zip(ends, ends[1:])]


def _timed(config: Config, images: LabelledImages) -> Timed:
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    algorithm = build(config, images.shape, images.class_names)
    batches = training_batches(config, images, pairs=algorithm.pairs)
    total = planned_steps(config, algorithm.steps_per_epoch(batches))
    stopwatch = _Stopwatch()
    progress = run_steps(algorithm, batches, max(total, WARM_UP + ROUNDS * STEPS), config.train.seed, [stopwatch])
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    seconds = _range(stopwatch.rounds())
    if algorithm.makes_images:  # the samples that the health check and the grids look at
        looks = config.health.samples / config.health.every_steps + config.log.grid_images / config.log.grid_every_steps
        seconds = seconds.plus(_drawing(algorithm).times(looks))
    return Timed(seconds, total, algorithm)


def _of_an_image(algorithm: Algorithm, reader: Optional[Algorithm]) -> Seconds:
    """The time to draw an image, to read it with the filters' classifier, and to write it."""
    images = to_uint8(algorithm.sample(DRAWN, runtime.rng(0, "estimate")))
    seconds = _drawing(algorithm).plus(_encoding(images).times(2))  # encoded, and on the disk
    return seconds if reader is None else seconds.plus(_reading(reader, images))


def _drawing(algorithm: Algorithm) -> Seconds:
    return _rate(lambda _: algorithm.sample(DRAWN, runtime.rng(0, "estimate")), range(DRAWN))


def _reading(reader: Algorithm, images: np.ndarray) -> Seconds:
    return _rate(lambda images: reader.read(to_network(images)), images)


def _encoding(images: np.ndarray) -> Seconds:
    return _rate(lambda images: [png_bytes(image) for image in images], images)


def _copying(part: RealPart) -> Seconds:
    """The time to read and write a real image, or to draw it as a picture."""
    if part.files is None:
        return _encoding(part.images[:DRAWN]).times(2)
    return _rate(lambda files: [file.read_bytes() for file in files], part.files[:FIRST_FILES]).times(4)


def _rate(work: Callable[[Any], Any], items: Sequence[Any]) -> Seconds:
    """The time that `work` takes for one of `items`. The first of three times warms up."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work(items)
        taken.append((time.perf_counter() - began) / len(items))
    return _range(taken[1:])


def _range(taken: Sequence[float]) -> Seconds:
    return Seconds(min(taken) * (1 - MARGIN), max(taken) * (1 + MARGIN))
