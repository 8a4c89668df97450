"""How long `augment` will take, from a few steps of each network on this machine. Other work comes and goes, and how many images pass
the filters is not known before: every time is a range.
"""

import time

from .. import runtime
from ..algorithms import build
from ..config.loading import load_config
from ..data import to_network, to_uint8
from ..runs.batches import planned_steps, training_batches
from ..runs.opened import open_run
from .sampler import expand
from .writers import png_bytes

WARM_UP, ROUNDS, STEPS = 3, 4, 3  # steps that do not count; then so many times so many steps
MARGIN = 0.15  # beyond the fastest and the slowest round: records, checkpoints, other work
DRAWN = 200  # images that are drawn, read and written for the estimate
PASSING = (1.0, 0.25)  # the share of images that filters keep, at best and at worst
FIRST_FILES = 50


class Seconds:
    """A time between `low` and `high` seconds; times add up, and can be multiplied."""

    def __init__(self, low, high=None):
        self.low, self.high = low, low if high is None else high

    def __add__(self, other):
        return Seconds(self.low + other.low, self.high + other.high)

    def __mul__(self, factor):
        return Seconds(self.low * factor, self.high * factor)

    def step(self, what):
        """As a plain dict, with the middle of the range as its seconds."""
        return {"what": what, "seconds": (self.low + self.high) / 2, "low": self.low, "high": self.high}


def estimate(plan, classifier=None, folds=0):
    """[{"what", "seconds", "low", "high"}] of each stage of an `augment.Plan`: the range and its middle, in seconds.

    `classifier` is the configuration of the filters' classifier, None where there are no filters; `folds` such networks beside it learn
    parts of the images.
    """
    steps, reader = [], None
    if plan.runs is None:
        steps.append(_training(plan))
    if plan.filters:
        seconds, total, reader = _timed(classifier, plan.learnt)
        if plan.classifier is None:
            steps.append((seconds * total).step(f"train the filters' classifier ({total} steps)"))
        if folds:
            steps.append((seconds * (folds * total)).step(f"see how well such a classifier reads images it did not learn ({folds} times)"))
    count = sum(plan.wanted.values())
    each = _of_an_image(plan, reader)
    best, worst = PASSING if plan.filters else (1.0, 1.0)
    drawing = Seconds(each.low * count / best, each.high * count / worst)
    if plan.filters:  # the filters read all training images first
        drawing += _reading(reader, plan.learnt.images[:DRAWN]) * len(plan.learnt)
    how = f" (if between {100 * worst:.0f} and {100 * best:.0f} % pass)" if plan.filters else ""
    steps.append(drawing.step(f"generate{', filter' if plan.filters else ''} and write {count} images{how}"))
    real = int(sum(part.counts().sum() for part in plan.parts))
    steps.append((_copying(plan.parts[0]) * real).step(f"copy {real} real images"))
    return steps


def _training(plan):
    """Of one GAN, or of one for each class, which begins with a batch no larger than the class."""
    if not plan.per_class_runs:
        seconds, total, _ = _timed(plan.config, plan.learnt)
        return (seconds * total).step(f"train a GAN ({plan.config.preset}, {total} steps)")
    one_class = {name: _alone(plan, name) for name in plan.wanted}
    config, images = max(one_class.values(), key=lambda pair: len(pair[1]))
    seconds, _, algorithm = _timed(config, images)
    totals = [planned_steps(config, algorithm.steps_per_epoch(training_batches(config, images))) for config, images in one_class.values()]
    each = " to ".join(map(str, sorted({min(totals), max(totals)})))
    what = f"train {len(totals)} GANs, one for each class that lacks images ({plan.config.preset}, {each} steps each)"
    return (seconds * sum(totals)).step(what)


def _alone(plan, name):
    """(configuration, images) of one class, as `train_per_class` has them."""
    images = plan.learnt.of_class(name)
    return load_config(plan.config, {"data.class_name": name, "train.batch_size": min(plan.config.train.batch_size, len(images))}), images


def _timed(config, images):
    """(`Seconds` of a step with its share of the looks at samples, steps in all, the algorithm)."""
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    batches = training_batches(config, images)
    algorithm = build(config, images.shape, images.class_names)
    batches.pairs = algorithm.pairs
    total = planned_steps(config, algorithm.steps_per_epoch(batches))
    numbers = iter(range(1, WARM_UP + ROUNDS * STEPS + 1))

    def take(count):
        began = time.perf_counter()
        for number in (next(numbers) for _ in range(count)):
            algorithm.begin_step(number, max(total, number))
            wanted = algorithm.batches_per_step
            values = algorithm.step([batches.batch(number * wanted + i) for i in range(wanted)], runtime.rng(0, "estimate", number))
            float(next(iter(values.values())))
        return (time.perf_counter() - began) / count

    take(WARM_UP)
    seconds = _range([take(STEPS) for _ in range(ROUNDS)])
    if algorithm.makes_images:  # the samples that the health check and the grids look at
        looks = config.health.samples / config.health.every_steps + config.log.grid_images / config.log.grid_every_steps
        seconds += _drawing(algorithm) * looks
    return seconds, total, algorithm


def _of_an_image(plan, reader):
    """`Seconds` to draw an image, to read it with the filters' classifier, and to write it."""
    algorithm = open_run(expand(plan.runs)[0]).algorithm if plan.runs else build(plan.config, plan.learnt.shape, plan.learnt.class_names)
    images = to_uint8(algorithm.sample(DRAWN, runtime.rng(0, "estimate")))
    seconds = _drawing(algorithm) + _rate(lambda images: [png_bytes(image) for image in images], images) * 2  # encoded, and on the disk
    return seconds if reader is None else seconds + _reading(reader, images)


def _drawing(algorithm):
    return _rate(lambda _: algorithm.sample(DRAWN, runtime.rng(0, "estimate")), range(DRAWN))


def _reading(reader, images):
    return _rate(lambda images: reader.read(to_network(images)), images)


def _copying(part):
    """`Seconds` to read and write a real image, or to draw it as a picture."""
    if part.files is None:
        return _rate(lambda images: [png_bytes(image) for image in images], part.images[:DRAWN]) * 2
    return _rate(lambda files: [file.read_bytes() for file in files], part.files[:FIRST_FILES]) * 4


def _rate(work, items):
    """`Seconds` that `work` takes for one of `items`; the first time warms up."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work(items)
        taken.append((time.perf_counter() - began) / len(items))
    return _range(taken[1:])


def _range(taken):
    return Seconds(min(taken) * (1 - MARGIN), max(taken) * (1 + MARGIN))
