"""A whole command as a user types it: from Enter to its end, on the clock."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.files import folder_size, project_root

METRICS_ON_TEST = ("frechet", "kid", "precision", "recall", "coverage", "diversity", "memorisation", "confident", "smallest_class")
COUNT_ON_TEST = 10_000


def wall(
    gan: str, samples: bool, seed: int, keep: Optional[str] = None, typed: Optional[Sequence[str]] = None
) -> Tuple[Dict[str, Any], str]:
    """`wall`: see `wall_time`; with `typed`, see `timed`."""
    result = timed(typed) if typed else wall_time(gan, samples, seed, keep)
    text = f"{result['command']}: {result['seconds']} s from Enter, at most {result['peak_mb']} MB"
    if "test" in result:
        text += f"; Fréchet {result['test']['frechet']}, confident {result['test']['confident']} beside test images"
    return result, text


def wall_time(preset: str, samples: bool = False, seed: int = 0, keep: Optional[str] = None) -> Dict[str, Any]:
    """Train a preset with `python train.py --gan PRESET` in a process of its own, and read its samples.

    Args:
        samples: read 5,000 fresh samples beside validation images, and measure 10,000 beside the test images: figures of a preset that is
            settled, not for choosing one.
        keep: a new folder for the run; None = it is deleted.

    Returns:
        A dict: command, seconds from Enter to the end, peak_mb (most resident memory), threads, run_mb (the run's folder), and what was
        read in the samples.

    Raises:
        RunFailed: the command ended with another code than 0.
    """
    typed = ["train.py", "--gan", preset, "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch).absolute()
        found = _timed(typed, "--run", "timed", "--output", str(folder), "--log", str(folder / "log"))
        found["run_mb"] = round(folder_size(folder / "timed") / (1 << 20), 1)
        return {**found, **(_read(folder / "timed", seed) if samples else {})}


def timed(typed: Sequence[str]) -> Dict[str, Any]:
    """Time a command of the package, such as ["evaluate", "output/RUN", "--count", "5000"]; result and errors as of `wall_time`."""
    return _timed(["-m", "paddle_gan_aug", *typed])


def _timed(typed: Sequence[str], *hidden: str) -> Dict[str, Any]:
    """The row of a command; `hidden` are arguments that the row does not name."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *typed, *hidden], cwd=project_root(), stdout=said, stderr=said)
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
    found = {"command": "python " + " ".join(typed), "seconds": round(seconds, 1), "peak_mb": round(used.ru_maxrss / 1024)}
    return {**found, "threads": runtime.default_threads(), "version": __version__}


def _read(folder: Path, seed: int) -> Dict[str, Any]:
    from benchmarks.readings import COUNT, provenance, readings, reference_for
    from paddle_gan_aug.data import DataSpec
    from paddle_gan_aug.evaluation.measure import measure
    from paddle_gan_aug.evaluation.samples import draw_samples
    from paddle_gan_aug.runs.opened import open_run

    run = open_run(folder)
    spec = DataSpec.of(run.config.data)
    reference, test = reference_for(spec), reference_for(spec, "test")
    drawn = draw_samples(run.algorithm, COUNT_ON_TEST, runtime.rng(seed, "evaluation"))
    result = measure(drawn, test, metrics=METRICS_ON_TEST)
    values = {name: None if result[name]["value"] is None else round(result[name]["value"], 4) for name in METRICS_ON_TEST}
    return {
        "step": run.step,
        **provenance(reference),
        "samples": readings(run.algorithm, reference, COUNT, seed),
        "test": {"count": len(drawn), "reference": provenance(test)["reference"], **values},
    }
