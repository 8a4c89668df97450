"""What several processes gain: the step of one process of two threads beside that of two processes of one thread, at one batch.

Each arrangement is started anew for every turn, and the turns alternate. A step is timed in process 0, and in it what it spends on
gradients of others, on statistics and losses, and on the few bytes by which the processes agree. The figures need an idle machine.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from datetime import date
from typing import Any, Callable, Dict, List, Tuple

from paddle_gan_aug import __version__, processes, runtime
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.files import project_root
from paddle_gan_aug.training.loop import Callback, Progress, run_steps

ARRANGEMENTS = {"1 process of 2 threads": (1, 2), "2 processes of 1 thread": (2, 1), "1 process of 1 thread": (1, 1)}
WARM_UP = 5
PARTS = {"add_up": "gradients", "mean_of": "statistics", "of_all": "agreement", "of_first": "agreement"}
Row = Dict[str, Any]


def compare_processes(gan: str, batch: int, count: int, turns: int, say: Callable[[str], None]) -> Tuple[Row, str]:
    """`processes`: see the module.

    Args:
        gan: a preset. batch: images of a step, of all processes together. count: steps of a turn. turns: of each arrangement.

    Returns:
        ({arrangement: median ms of a step and of its parts}, with the efficiency; text).
    """
    found: Dict[str, List[Row]] = defaultdict(list)
    for turn in range(turns):
        for name, (many, threads) in ARRANGEMENTS.items():
            say(f"turn {turn + 1}: {name}")
            found[name].append(_started(many, threads, gan, batch, count))
    rows = {name: {key: round(statistics.median(row[key] for row in turns), 2) for key in turns[0]} for name, turns in found.items()}
    one, two = (rows[name]["ms"] for name in list(ARRANGEMENTS)[:2])
    result = {"preset": gan, "batch_size": batch, "steps": count, "turns": turns, "arrangements": rows, "efficiency": round(one / two, 3)}
    text = [f"{name}: {row['ms']} ms a step; " + ", ".join(f"{k} {v}" for k, v in row.items() if k != "ms") for name, row in rows.items()]
    where = {"date": date.today().isoformat(), "version": __version__, "paddle": runtime.import_paddle().__version__}
    return {**result, **where}, "\n".join([*text, f"efficiency {result['efficiency']}"])


def environment(rank: int, threads: int, ends: List[str], master: str) -> Dict[str, str]:
    """What `paddle.distributed.launch` sets for one of the processes on this machine."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PADDLE_DISTRI_BACKEND": "gloo",
        "PADDLE_MASTER": master,
        "PADDLE_TRAINER_ENDPOINTS": ",".join(ends),
        "PADDLE_CURRENT_ENDPOINT": ends[rank],
        "PADDLE_TRAINERS_NUM": str(len(ends)),
        "PADDLE_TRAINER_ID": str(rank),
    }


def _started(many: int, threads: int, gan: str, batch: int, count: int) -> Row:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(many + 1)]
    master, *ends = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    command = [sys.executable, "-m", "benchmarks.processes", gan, str(batch), str(count), str(threads)]
    texts = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, cwd=project_root(), env=environment(rank, threads, ends, master), **texts) for rank in range(many)]
    ended = [process.communicate() for process in started]
    if any(process.returncode for process in started):
        raise RunFailed(f"{' '.join(command[1:])} failed: {ended[0][1].strip()[-400:]}")
    return json.loads(ended[0][0].splitlines()[-1])


class _Clock(Callback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def on_step(self, progress: Progress) -> None:
        self.times.append(time.perf_counter())


def measured(gan: str, batch: int, count: int, threads: int) -> Row:
    """Steps of this process, perhaps beside others: median ms of one, and of its parts; MB of gradients that a step sends."""
    runtime.start("cpu", threads)
    processes.join()
    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.config.loading import load_config
    from paddle_gan_aug.data import load
    from paddle_gan_aug.runs.batches import training_batches

    config = load_config(gan, {"train.batch_size": batch, "runtime.threads": threads})
    images = load("mnist", "train")
    algorithm = build(config, images.shape, images.class_names)
    batches, clock = training_batches(config, images, pairs=algorithm.pairs), _Clock()
    algorithm.share_state()
    spent, sent = defaultdict(list), []
    for name, part in PARTS.items():
        setattr(processes, name, _timed(getattr(processes, name), spent[part], sent))
    processes.meet()
    run_steps(algorithm, batches, WARM_UP + count, 0, [clock] if processes.first() else [])
    times = clock.times[WARM_UP - 1 :]
    steps = [1000 * (after - before) for before, after in zip(times, times[1:])]
    parts = {part: round(1000 * sum(values) / (WARM_UP + count), 2) for part, values in spent.items()}
    return {"ms": statistics.median(steps or [0.0]), **parts, "gradient_mb": round(4 * sum(sent) / (WARM_UP + count) / 1e6, 1)}


def _timed(function: Callable[..., Any], spent: List[float], sent: List[int]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        if function.__name__ == "add_up" and arguments[0]:
            sent.append(sum(tensor.size for tensor in arguments[0]))
        began = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            spent.append(time.perf_counter() - began)

    return timed


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], *map(int, sys.argv[2:]))))
