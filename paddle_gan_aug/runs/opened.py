"""A run that was trained: opened from its folder to sample from it or to read images with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import runtime
from ..algorithms import build
from ..config.loading import Config, load_config
from ..errors import InputError, RunFailed
from ..training.checkpoint import best_of, best_step, load_newest
from ..training.recovery import Recovery
from .places import run_folder


@dataclass
class Run:
    """A trained (or interrupted) run: its folder, its configuration and its algorithm, ready to sample."""

    folder: Path
    config: Config
    algorithm: Any
    step: int
    state: dict
    interrupted: Optional[str] = None  # the signal that ended this training, if one did

    @property
    def best(self):
        """The best measure on validation images so far, {"step", "metric", "value"}; None where none was taken (`eval.every_steps`)."""
        return best_of(self.folder / "checkpoints")


def open_run(run, checkpoint="last", device="auto", threads=0):
    """Open a trained run to sample from it or to read images with it.

    Args:
        run: the run's folder, or its name in `output`.
        checkpoint: "last", "best" (by what `eval.best` names), or a step.

    Returns:
        A `Run`.

    Raises:
        InputError: no run, or no such checkpoint. RunFailed: every checkpoint is damaged.
    """
    folder = run_folder(run)
    recovery = Recovery(folder)
    if recovery.failed:
        raise RunFailed(f"run {folder} has failed ({recovery.failed}): no samples are made from it")
    base = load_config(folder / "config.yaml")
    steps = recovery.steps(folder / "checkpoints")
    if not steps:
        raise InputError(f"run {folder} has no checkpoint yet: train it first (--run {folder.name} --resume)")
    if checkpoint == "best":
        checkpoint = best_step(folder / "checkpoints")
        if checkpoint is None:
            raise InputError(f"run {folder} has no best checkpoint: it was trained without --eval-every; use --checkpoint last or a step")
    if checkpoint != "last" and str(checkpoint) not in map(str, steps):
        there = ", ".join(map(str, steps))
        raise InputError(f"run {folder} has no checkpoint {checkpoint}; it has {there} (--checkpoint last, best or a step)")
    runtime.start(device, threads, base.runtime.cpu_tuning)

    def algorithm_for(state):
        data = state["data"]
        return build(recovery.config(base, recovery.count_of(state)), state["image_shape"], data["class_names"], data.get("counts"))

    wanted = steps if checkpoint == "last" else [int(checkpoint)]
    found = load_newest(folder / "checkpoints", algorithm_for, wanted, optimizers=False)
    if found is None:
        raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
    algorithm, state, _ = found
    for network in algorithm.networks.values():
        network.eval()  # nobody trains it: threads that draw at the same time need not switch it to and fro
    return Run(folder, algorithm.config, algorithm, state["step"], state)
