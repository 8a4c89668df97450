"""What happens around the steps of a run: the progress line, records, image grids and checkpoints."""

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, TextIO

import numpy as np

from ..console import ProgressLine
from ..data import to_uint8
from ..pictures import grid, optional_picture, titled_grid
from ..records.run_records import Records
from ..runtime import rng
from .checkpoint import note_best, save_checkpoint
from .light import lighten_older
from .loop import Callback, Progress


class ProgressCallback(Callback):
    """Shows the progress of the run in a `console.ProgressLine`: epoch, step, images per second and losses.

    Args:
        prefix: Text before the epoch.
        stream: Where to write; None means standard error.
    """

    stage = "show"

    def __init__(self, prefix: str = "", stream: Optional[TextIO] = None) -> None:
        self.prefix, self.stream = prefix, stream
        self.line: Optional[ProgressLine] = None

    def on_begin(self, progress: Progress) -> None:
        self.line = ProgressLine(progress.total_steps, "step", progress.step, stream=self.stream)

    def on_step(self, progress: Progress) -> None:
        epochs = -(-progress.total_steps // progress.steps_per_epoch)
        first = progress.step == progress.first_step + 1
        text = f"{self.prefix}epoch {progress.epoch}/{epochs}"
        if self.line is not None:
            self.line.add(1, text, lambda: _numbers(progress), now=first or progress.last)

    def close(self) -> None:
        if self.line is not None:
            self.line.close()


def _numbers(progress: Progress) -> str:
    names = progress.algorithm.losses
    losses = " ".join(f"{name.removesuffix('_loss')} {float(progress.values[name]):.3f}" for name in names if name in progress.values)
    return f"{progress.images_per_second:.0f} images/s {losses}"


class Recorder(Callback):
    """Writes the values of a step to the records: every `every` steps, at the first and the last step of the run, and when it is measured.

    An interruption leaves no line of its own: a run that was interrupted and resumed has the same records as one that was not.
    """

    stage = "record"

    def __init__(self, records: Records, every: int) -> None:
        self.records, self.every = records, every

    def on_step(self, progress: Progress) -> None:
        measured = progress.notes or any(name.startswith("eval/") for name in progress.values)
        if progress.step % self.every == 0 or progress.step == 1 or progress.complete or measured:
            values = {name: float(value) for name, value in progress.values.items()}
            values["images_per_second"] = progress.images_per_second
            self.records.scalars(progress.step, values, epoch=progress.epoch, **progress.notes)

    def on_end(self, progress: Progress) -> None:
        if progress.complete:
            self.records.hyperparameter_results({name: float(value) for name, value in progress.values.items()})

    def close(self) -> None:
        self.records.close()


class Grids(Callback):
    """Draws the images of the run's fixed latents, every `every` steps and at the last step of the run.

    The picture goes to `samples/step-<n>.png` and to the dashboard. A conditional algorithm draws one class per row. An algorithm
    with a code adds `samples/<code>-step-<n>.png`, in which that code alone changes.

    Args:
        folder: The folder of the pictures.
        records: The records that show them on the dashboard.
        latents: float32 [N, latent_dim], the same for the whole run.
        every: Steps between two pictures.
        seed: The run's root seed, for the latents in which a code is swept.
    """

    stage = "record"
    columns = 16

    def __init__(self, folder: Path, records: Records, latents: np.ndarray, every: int, seed: int = 0) -> None:
        self.folder, self.records, self.latents, self.every, self.seed = folder, records, latents, every, seed

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every == 0 or progress.complete:
            algorithm = progress.algorithm
            labels = algorithm.grid_labels(len(self.latents), self.columns)
            self._draw(progress, "", "numbers", algorithm.images(self.latents, labels))
            for name, latents in algorithm.sweeps(self.columns, rng(self.seed, "sweeps")).items():
                self._draw(progress, f"{name}-", name, algorithm.images(latents))

    def _draw(self, progress: Progress, prefix: str, tag: str, images: np.ndarray) -> None:
        images = to_uint8(images)
        title = f"epoch {progress.epoch}, step {progress.step}" + (f", {tag}" if prefix else "")
        with optional_picture(self.folder / f"{prefix}step-{progress.step:06d}.png") as path:
            titled_grid(path, images, title, self.columns)
        self.records.image(progress.step, grid(images, self.columns), tag)


class Checkpoints(Callback):
    """Saves the run every `every` steps, at a step that is the best so far, and at the last step, also of an interrupted run.

    Args:
        folder: The run's `checkpoints` folder.
        latents: float32 [N, latent_dim], the fixed latents of the grids, or None.
        provenance: What every state.json says beside the step: seed, data, versions.
        every: Steps between two checkpoints.
        keep: How many checkpoints stay.
        light: Whether checkpoints that the run no longer needs are made light, see `light.lighten_older`.
        with_state: {name: callback}, the callbacks whose `state()` is saved, see `loop.by_state_name`.
        best: {"step", "metric", "value"} of the best checkpoint so far, or None.
    """

    stage = "save"

    def __init__(
        self,
        folder: Path,
        latents: Optional[np.ndarray],
        provenance: Mapping[str, Any],
        every: int,
        keep: int,
        light: bool,
        with_state: Mapping[str, Callback],
        best: Optional[Dict[str, Any]] = None,
    ) -> None:
        self.folder, self.latents, self.provenance, self.every, self.keep = folder, latents, provenance, every, keep
        self.light, self.with_state, self.best = light, with_state, best

    def on_begin(self, progress: Progress) -> None:
        note_best(self.folder, self.best)  # a run that went back forgets what was the best since

    def on_step(self, progress: Progress) -> None:
        if progress.best:
            self.best = {"step": progress.step, **progress.best}
        if (progress.step % self.every == 0 or progress.last or progress.best) and not progress.failure:
            callbacks = {name: callback.state() for name, callback in self.with_state.items()}
            callbacks = {name: state for name, state in callbacks.items() if state}
            state = {"total_steps": progress.total_steps, "stopped": progress.stopped, "callbacks": callbacks, **self.provenance}
            kept = self.keep, self.best, progress.healthy_step
            save_checkpoint(self.folder, progress.step, progress.algorithm, self.latents, state, *kept)
            self._lighten(progress, whole=2)

    def on_end(self, progress: Progress) -> None:
        if progress.complete:
            self._lighten(progress, whole=1)

    def _lighten(self, progress: Progress, whole: int) -> None:
        if self.light:
            lighten_older(self.folder, progress.step, progress.algorithm.light_weights, whole, progress.healthy_step)
