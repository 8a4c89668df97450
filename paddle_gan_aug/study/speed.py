"""How fast this machine is: a study's estimates are made for one on which steps take `estimate.SECONDS`."""

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

from .estimate import SECONDS

SHORT = 120.0  # seconds: a study that may be shorter is not worth the measurement
MOST = 120  # seconds that the measurement may take


def slowness(seconds: float, threads: int, known: Optional[float] = None) -> float:
    """How many times as long as estimated work takes here; 1 where the estimate is short, or nothing can be measured.

    Args:
        seconds: what the work is estimated to take. threads: of each worker. known: what was measured before.
    """
    return 1.0 if seconds < SHORT else known or _measured(threads)


@functools.cache
def _measured(threads: int) -> float:
    """Measured in a process of its own: this one need not import Paddle, or has with other threads."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(threads)],
            env={**os.environ, "PYTHONPATH": path, **({"OMP_NUM_THREADS": str(threads)} if threads else {})},
            capture_output=True,
            text=True,
            timeout=MOST,
        )
        return float(done.stdout.split()[-1]) / SECONDS["lenet"]
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return 1.0


def step_seconds(threads: int) -> float:
    """The seconds of a step of the classifier `lenet` on 64 grey images of 28×28 pixels; call it before Paddle is imported."""
    from .. import runtime
    from ..config.loading import load_config

    config = load_config("classifier", {"train.steps": 1000, "train.batch_size": 64, "runtime.threads": threads})
    runtime.start(threads=threads)
    import numpy as np

    from ..algorithms import build
    from ..data import LabelledImages
    from ..runs.batches import training_batches
    from ..runs.timing import MARGIN, time_training

    images = runtime.rng(0, "speed").integers(0, 256, (640, 1, 28, 28), dtype=np.uint8)
    noise = LabelledImages(images, np.arange(len(images)) % 10, [str(number) for number in range(10)], "noise")
    return time_training(config, build(config, noise.shape, noise.class_names), training_batches(config, noise)).step.low / (1 - MARGIN)


if __name__ == "__main__":
    print(step_seconds(int(sys.argv[1])))
