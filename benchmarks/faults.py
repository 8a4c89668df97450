"""Kills runs at random moments and holds what they become, once resumed, against a run that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.records.metrics_file import read_metrics
from paddle_gan_aug.records.visualdl_board import HYPERPARAMETERS
from paddle_gan_aug.records.visualdl_file import read_records
from paddle_gan_aug.training.checkpoint import INCOMPLETE, steps_on_disk

TIMES = ("time", "images_per_second")  # what may differ between two runs of the same seed
STEPS = 300
SETTINGS = ["generator.width=0.05", "discriminator.width=0.05", "train.batch_size=50", "checkpoint.every_steps=20", "checkpoint.keep=2"]
QUIET = ["log.every_steps=5", "log.grid_every_steps=100", "log.grid_images=32", "health.every_steps=50", "health.recover=false"]


def kill_tests(count, seed=0, data="mnist", say=print):
    """Kill `count` runs with SIGKILL, every third of them while it saves a checkpoint, resume each, and compare.

    Args:
        seed: of the moments.
        data: what the runs learn.
        say: told the outcome of each as it ends.

    Returns:
        {"kills": [{"when", "killed_at_step", "differences": what differs from the undisturbed run, a list of texts}], "identical"}.

    Raises:
        RunFailed: a run could not be started or resumed at all.
    """
    moments = random.Random(seed)
    kills = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        began = time.monotonic()
        _finish(_start(folder, "whole", data))
        lasts = time.monotonic() - began
        for number in range(count):
            run = f"killed-{number}"
            when = "saving" if number % 3 == 2 else "training"
            process = _start(folder, run, data)
            _wait(process, folder / "output" / run, when, moments.uniform(0, 0.6 * lasts))
            process.send_signal(signal.SIGKILL)
            process.wait()
            steps = steps_on_disk(folder / "output" / run / "checkpoints")
            _finish(_start(folder, run, data, "--resume"))
            kill = {"when": when, "resumed_from": max(steps, default=0), "differences": differences(folder, "whole", run)}
            say(json.dumps(kill))
            kills.append(kill)
    return {"kills": kills, "identical": sum(not kill["differences"] for kill in kills), "count": count}


def _start(folder, run, data, *more):
    command = [sys.executable, "-m", "paddle_gan_aug", "train", "--data", data, "--run", run, "--steps", STEPS, *more]
    command += ["--output", folder / "output", "--log", folder / "log", "-o", *SETTINGS, *QUIET]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(process):
    _, said = process.communicate()
    if process.returncode:
        raise RunFailed(f"a run ended with {process.returncode}: " + " ".join(said.split())[-400:])


def _wait(process, folder, when, seconds):
    """Until the first checkpoint or records are there and `seconds` have passed; for "saving", until a save is under way."""
    while process.poll() is None and not (folder / "metrics.jsonl").exists():
        time.sleep(0.005)
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    while when == "saving" and process.poll() is None and not any(INCOMPLETE in name for name in os.listdir(folder / "checkpoints")):
        pass


def differences(folder, one, other):
    """What differs between two runs under `folder`, times aside: weights, moments, records, curves; [] when nothing does."""
    found = []
    checkpoints = [folder / "output" / run / "checkpoints" for run in (one, other)]
    newest = [path / f"step-{max(steps_on_disk(path))}" for path in checkpoints]
    for name in ("weights.safetensors", "optimizers.safetensors"):
        left, right = (load_file(path / name) for path in newest)
        if left.keys() != right.keys() or any(not np.array_equal(left[key], right[key]) for key in left):
            found.append(name)
    rows = [[_without_times(row) for row in read_metrics(folder / "output" / run / "metrics.jsonl")] for run in (one, other)]
    if rows[0] != rows[1]:
        found.append("metrics.jsonl")
    if _curves(folder / "log" / one) != _curves(folder / "log" / other):
        found.append("VisualDL records")
    return found


def _without_times(row):
    return {key: value for key, value in row.items() if key not in TIMES}


def _curves(folder):
    """{(folder, tag): [(step, value)]} of a run's VisualDL scalars, without the hyper-parameter table's (one point a process)."""
    curves = {}
    for path in sorted(folder.glob("*/vdlrecords.*.log")):
        if path.parent.name == HYPERPARAMETERS:
            continue
        for _, value in read_records(path):
            if value.WhichOneof("one_value") == "value" and not value.tag.endswith(TIMES):
                curves.setdefault((path.parent.name, value.tag), []).append((value.id, value.value))
    return curves
