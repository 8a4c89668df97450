"""What a step costs at every image size that is offered: CPU time, memory beside its estimate, and parameters.

A row is a process of its own, since the most memory that a process has held cannot be forgotten. Steps see images of noise: what they
cost does not depend on what they show. One thread and CPU time, so that other work on the machine changes little.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from datetime import date
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from benchmarks.speed.worker import peak_memory
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import find_path, make_folder, project_root, write_json
from paddle_gan_aug.training.loop import Callback, Progress, run_steps

SIZES = (28, 32, 48, 64, 96, 128)
CHANNELS = {1: "grey", 3: "colour"}
CONTENDERS: Dict[str, Dict[str, Any]] = {  # name -> preset and overrides
    "sngan-projection": {},
    "sngan-residual": {},
    "r3gan-projection": {},
    "dcgan-sn-hinge": {},
    "classic": {},
    "lenet": {"preset": "classifier"},
    "resnet": {"preset": "classifier", "overrides": {"classifier.architecture": "resnet"}},
}
LEARNING = ("generator", "discriminator", "classifier")  # networks whose parameters are counted
CLASSES = 10
WARM_UP, STEPS = 1, 3
Row = Dict[str, Any]


def sizes(to: str, only: Optional[Sequence[str]], stored: bool, say: Callable[[str], None]) -> Tuple[List[Row], str]:
    """`sizes`: measure every size that has no row yet; returns the rows and their table.

    Args:
        to: the folder of results, <name>-<size>-<channels>.json each. only: names of contenders, or sizes; None = all. stored: measure
            nothing.

    Raises:
        InputError: `only` names none of them.
    """
    known = [*CONTENDERS, *map(str, SIZES)]
    for name in only or []:
        if name not in known:
            raise InputError(f"only {name}: there is none of that name; choose among {', '.join(known)}")
    folder, rows = make_folder(find_path(to)), []
    for size in SIZES:
        for channels in CHANNELS:
            for name in CONTENDERS:
                path = folder / f"{name}-{size}-{channels}.json"
                asked = only is None or {name, str(size)} & set(only)
                if asked and not stored and not path.exists():
                    say(path.stem)
                    write_json(path, _in_a_process(name, size, channels))
                if path.exists():
                    rows.append(json.loads(path.read_text()))
    return rows, sizes_table(rows)


def _in_a_process(name: str, size: int, channels: int) -> Row:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.sizes", name, str(size), str(channels)]
    done = subprocess.run(command, cwd=project_root(), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RunFailed(f"{' '.join(command[1:])} failed: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def measured(name: str, size: int, channels: int, overrides: Optional[Dict[str, Any]] = None) -> Row:
    """One row, of this process, which must not have held much memory before.

    Returns:
        A dict: name, size, channels, batch_size, parameters of each network, cpu_ms of a step, estimate_mb, peak_mb, checkpoint_mb,
        and where it was measured.
    """
    process = runtime.start("cpu", 1)
    import numpy as np

    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.algorithms.base import trainable
    from paddle_gan_aug.config.loading import load_config
    from paddle_gan_aug.data import LabelledImages
    from paddle_gan_aug.machine import resident_mb
    from paddle_gan_aug.runs.batches import training_batches
    from paddle_gan_aug.runs.memory import estimate_needs

    contender = CONTENDERS[name]
    config = load_config(contender.get("preset", name), {**contender.get("overrides", {}), "runtime.threads": 1, **(overrides or {})})
    rng = np.random.default_rng(0)
    count = 2 * config.train.batch_size
    pictures = rng.integers(0, 256, (count, channels, size, size), dtype=np.uint8)
    images = LabelledImages(pictures, np.arange(count) % CLASSES, tuple(map(str, range(CLASSES))), "noise")
    held = resident_mb()
    algorithm = build(config, images.shape, images.class_names)
    batches = training_batches(config, images, pairs=algorithm.pairs)
    clock = _Clock()
    run_steps(algorithm, batches, WARM_UP + STEPS, 0, [clock])
    peak = peak_memory()
    parameters = {key: sum(int(np.prod(p.shape)) for p in trainable(net)) for key, net in algorithm.networks.items() if key in LEARNING}
    held_then, needs = resident_mb(), estimate_needs(config, images)
    return {
        "name": name,
        "size": size,
        "channels": channels,
        "batch_size": config.train.batch_size,
        "parameters": parameters,
        "cpu_ms": round(1000 * statistics.median(clock.seconds[WARM_UP:])),
        "estimate_mb": needs and needs.memory_mb - held_then + held,
        "peak_mb": peak,
        "held_mb": held,
        "checkpoint_mb": needs and needs.checkpoint_mb,
        "date": date.today().isoformat(),
        "version": __version__,
        "process": vars(process),
    }


class _Clock(Callback):
    """Notes the CPU seconds of each step."""

    def __init__(self) -> None:
        self.seconds: List[float] = []

    def on_begin(self, progress: Progress) -> None:
        self._before = time.process_time()

    def on_step(self, progress: Progress) -> None:
        float(next(iter(progress.values.values())))  # the step is done when its values are there
        self.seconds.append(time.process_time() - self._before)
        self._before = time.process_time()


def sizes_table(rows: Sequence[Row]) -> str:
    """A line for each contender and number of channels, a column for each size: ms a step / MB at most / million parameters."""
    there = [size for size in SIZES if any(row["size"] == size for row in rows)]
    lines = ["| network | batch | " + " | ".join(f"{size} px" for size in there) + " |", "|---|---|" + "---|" * len(there)]
    for name in CONTENDERS:
        for channels, colour in CHANNELS.items():
            mine = {row["size"]: row for row in rows if (row["name"], row["channels"]) == (name, channels)}
            if mine:
                batch = next(iter(mine.values()))["batch_size"]
                lines.append(f"| {name}, {colour} | {batch} | " + " | ".join(_cell(mine.get(size)) for size in there) + " |")
    return "\n".join(lines)


def _cell(row: Optional[Row]) -> str:
    if row is None:
        return "–"
    return f"{row['cpu_ms']} / {row['peak_mb']} / {sum(row['parameters'].values()) / 1e6:.2f}"


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
