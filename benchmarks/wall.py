"""A whole command as a user types it: from Enter to its end, on the clock."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.files import project_root


def wall_time(preset, judge=None, seed=0):
    """Train a preset with `python train.py --gan PRESET` in a process of its own, and judge what it has learnt.

    Args:
        judge: a run of `classify` that reads 5,000 fresh samples beside validation images; None = they are not read.

    Returns:
        A dict: command, seconds from Enter to the end, peak_mb (most resident memory), threads, and with a judge its numbers.

    Raises:
        RunFailed: the command ended with another code than 0.
    """
    typed = ["train.py", "--gan", preset, "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "said", "w+", encoding="utf-8") as said:
        command = [sys.executable, *typed, "--run", "timed", "--output", folder, "--log", str(Path(folder) / "log")]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=project_root(), stdout=said, stderr=said)
        try:
            _, status, used = os.wait4(process.pid, 0)  # as wait, and tells the memory
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise RunFailed(f"python {' '.join(typed)} failed: " + " ".join(said.read().split())[-400:])
        numbers = {} if judge is None else _read(Path(folder) / "timed", judge, seed)
    found = {"command": "python " + " ".join(typed), "seconds": round(seconds, 1), "peak_mb": round(used.ru_maxrss / 1024)}
    return {**found, "threads": runtime.default_threads(), "version": __version__, **numbers}


def _read(folder, judge, seed):
    from benchmarks.judge import Judge
    from paddle_gan_aug.runs.opened import open_run

    run = open_run(folder)
    reader = Judge(judge)
    samples = reader.samples(run.algorithm, 5000, runtime.rng(seed, "judged samples"))
    return {"step": run.step, "judge": reader.name, "reference": reader.reference, "samples": samples}
