"""One process of `bench tuning`: a few classic steps on real images, their times and losses as a line of JSON."""

import json
import statistics
import sys
import time


def main(steps):
    """Time `steps` steps of the preset `classic`; the first three do not count."""
    from .. import runtime
    from ..algorithms import build
    from ..config import load_config
    from ..data import Batches, load

    process = runtime.start("cpu")
    images = load("mnist")
    batches = Batches(images, 128, lambda epoch: runtime.rng(0, "shuffle", epoch))
    runtime.seed_paddle(0, "initial weights")
    algorithm = build(load_config("classic"), images.images.shape[1:], images.class_names)
    times, losses = [], []
    for step in range(1, steps + 1):
        batch = batches.batch(step - 1)
        began = time.perf_counter()
        algorithm.begin_step(step, 1000)
        values = algorithm.step([batch], runtime.rng(0, "step", step))
        times.append(1000 * (time.perf_counter() - began))
        losses.append([float(values[name]) for name in algorithm.losses])
    print(json.dumps({"median_ms": statistics.median(times[3:]), "losses": losses[:5], "process": vars(process)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
