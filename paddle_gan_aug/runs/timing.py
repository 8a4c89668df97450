"""How long work takes on this machine, from a little of it: a few steps of networks, a few images, after a warm-up.

Other work comes and goes: every time is a range.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Sequence

import numpy as np

from .. import runtime
from ..config.loading import Config
from ..training.loop import Callback, Progress, run_steps
from .batches import planned_steps

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm  # it imports Paddle without ado

WARM_UP, ROUNDS, STEPS = 3, 4, 12  # steps that do not count; then rounds of as many steps in all, at least
ENOUGH, MOST = 2.0, 8.0  # seconds: the steps go on for the first, and end after the second however few they are
MANY = 1000  # steps that a training which is timed has ahead of it, at least
MARGIN = 0.15  # beyond the fastest and the slowest round: records, checkpoints, other work
DRAWN = 200  # images that are drawn, read and written for an estimate


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
        """A step of an estimate as plain values, with the middle of the range as its seconds."""
        return {"what": what, "seconds": (self.low + self.high) / 2, "low": self.low, "high": self.high}


class Timed(NamedTuple):
    """A network that took a few steps: the time of a step with its share of the looks at samples, its steps in all, and
    itself.
    """

    step: Seconds
    steps: int
    algorithm: Algorithm


class _Stopwatch(Callback):
    """Notes when each step was done, and ends the training after a few."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def on_step(self, progress: Progress) -> None:
        float(next(iter(progress.values.values())))  # the step is done when its values are there
        self.times.append(time.perf_counter())
        taken = self.times[-1] - self.times[0]
        progress.stopped = taken > MOST or (taken > ENOUGH and len(self.times) >= WARM_UP + STEPS)

    def rounds(self) -> List[float]:
        """The seconds of a step in each round."""
        each = np.diff(self.times)
        return [float(part.mean()) for part in np.array_split(each[min(WARM_UP - 1, len(each) - 1) :], ROUNDS) if len(part)]


def time_training(config: Config, algorithm: Algorithm, batches: Any, first_step: int = 0) -> Timed:
    """Take a few steps of an algorithm from the middle of its training, which leaves it changed.

    Args:
        config, algorithm, batches: Of the training. first_step: Steps that are already done.
    """
    total = planned_steps(config, algorithm.steps_per_epoch(batches))
    middle, stopwatch = (first_step + total) // 2, _Stopwatch()
    progress = run_steps(algorithm, batches, max(total, middle + MANY), config.train.seed, [stopwatch], middle)
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    seconds = as_range(stopwatch.rounds())
    if algorithm.makes_images:  # the samples that the health check and the grids look at
        looks = config.health.samples / config.health.every_steps + config.log.grid_images / config.log.grid_every_steps
        seconds = seconds.plus(drawing(algorithm).times(looks))
    return Timed(seconds, total, algorithm)


def starting(seconds: float) -> Dict[str, Any]:
    """The step that comes before all others, which took so many seconds beside the import of Paddle."""
    return as_range([seconds + runtime.import_seconds()]).step("load Paddle, and read and check what is needed")


def drawing(algorithm: Algorithm) -> Seconds:
    """The time to draw an image."""
    return rate(lambda _: algorithm.sample(DRAWN, runtime.rng(0, "estimate")), range(DRAWN))


def rate(work: Callable[[Any], Any], items: Sequence[Any]) -> Seconds:
    """The time that `work` takes for one of `items`. The first of three times warms up."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work(items)
        taken.append((time.perf_counter() - began) / max(1, len(items)))
    return as_range(taken[1:])


def once(work: Callable[[], Any]) -> Seconds:
    """The time that `work` took, which is done once."""
    began = time.perf_counter()
    work()
    return as_range([time.perf_counter() - began])


def as_range(taken: Sequence[float]) -> Seconds:
    """The range of some times, with a margin."""
    return Seconds(min(taken) * (1 - MARGIN), max(taken) * (1 + MARGIN))
