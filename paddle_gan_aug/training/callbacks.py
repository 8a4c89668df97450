"""What happens around the steps of a run: the progress line, records, image grids and checkpoints."""

from typing import Optional, TextIO

from ..console import ProgressLine
from ..data import to_uint8
from ..pictures import grid, optional_picture, titled_grid
from ..runtime import rng
from .checkpoint import note_best, save_checkpoint
from .loop import Callback, Progress


class ProgressCallback(Callback):
    """Shows the run's progress in a `console.ProgressLine`: epoch, step, images per second and losses.

    Args:
        prefix: what stands before the epoch.
        stream: where the line goes; None = standard error.
    """

    def __init__(self, prefix: str = "", stream: Optional[TextIO] = None) -> None:
        self.prefix, self.stream, self.line = prefix, stream, None

    def on_begin(self, progress: Progress) -> None:
        self.line = ProgressLine(progress.total_steps, "step", progress.step, stream=self.stream)

    def on_step(self, progress: Progress) -> None:
        epochs = -(-progress.total_steps // progress.steps_per_epoch)
        first = progress.step == progress.first_step + 1
        text = f"{self.prefix}epoch {progress.epoch}/{epochs}"
        self.line.add(1, text, lambda: _numbers(progress), now=first or progress.last)

    def close(self) -> None:
        if self.line is not None:
            self.line.close()


def _numbers(progress: Progress) -> str:
    names = progress.algorithm.losses
    losses = " ".join(f"{name.removesuffix('_loss')} {float(progress.values[name]):.3f}" for name in names)
    return f"{progress.images_per_second:.0f} images/s {losses}"


class Recorder(Callback):
    """Writes the step's values to the records every `every` steps, at the first and at the run's last.

    An interruption leaves no line of its own: a run that was interrupted and resumed has the same records as one that was not.
    """

    def __init__(self, records, every):
        self.records, self.every = records, every

    def on_step(self, progress):
        if progress.step % self.every == 0 or progress.step == 1 or progress.complete or progress.notes:
            values = {name: float(value) for name, value in progress.values.items()}
            values["images_per_second"] = progress.images_per_second
            self.records.scalars(progress.step, values, epoch=progress.epoch, **progress.notes)

    def on_end(self, progress):
        if progress.complete:
            self.records.hyperparameter_results({name: float(value) for name, value in progress.values.items()})

    def close(self):
        self.records.close()


class Grids(Callback):
    """Draws the run's fixed latents into `samples/step-<n>.png` and the dashboard every `every` steps and at the run's last.

    A conditional algorithm draws one class a row. One with a code adds `samples/<code>-step-<n>.png`, where that code alone changes.

    Args:
        latents: float32 [N, latent_dim], the same for the whole run.
        seed: the run's root seed, for all else of the latents in which a code is swept.
    """

    columns = 16

    def __init__(self, folder, records, latents, every, seed=0):
        self.folder, self.records, self.latents, self.every, self.seed = folder, records, latents, every, seed

    def on_step(self, progress):
        if progress.step % self.every == 0 or progress.complete:
            algorithm = progress.algorithm
            labels = algorithm.grid_labels(len(self.latents), self.columns)
            self._draw(progress, "", "numbers", algorithm.images(self.latents, labels))
            for name, latents in algorithm.sweeps(self.columns, rng(self.seed, "sweeps")).items():
                self._draw(progress, f"{name}-", name, algorithm.images(latents))

    def _draw(self, progress, prefix, tag, images):
        images = to_uint8(images)
        title = f"epoch {progress.epoch}, step {progress.step}" + (f", {tag}" if prefix else "")
        with optional_picture(self.folder / f"{prefix}step-{progress.step:06d}.png") as path:
            titled_grid(path, images, title, self.columns)
        self.records.image(progress.step, grid(images, self.columns), tag)


class Checkpoints(Callback):
    """Saves every `every` steps, at a step that is the best so far, and at the last step, also an interrupted run's.

    Args:
        provenance: what every state.json says beside the step: seed, configuration hash, data fingerprint, versions.
        with_state: {name: callback}, those whose `state()` belongs to the run's, see `named`.
        best: {"step", "metric", "value"} of the best checkpoint so far, or None.
    """

    def __init__(self, folder, latents, provenance, every, keep, with_state, best=None):
        self.folder, self.latents, self.provenance, self.every, self.keep = folder, latents, provenance, every, keep
        self.with_state, self.best = with_state, best

    def on_begin(self, progress):
        note_best(self.folder, self.best)  # a run that went back forgets what was the best since

    def on_step(self, progress):
        if progress.best:
            self.best = {"step": progress.step, **progress.best}
        if (progress.step % self.every == 0 or progress.last or progress.best) and not progress.failure:
            callbacks = {name: callback.state() for name, callback in self.with_state.items()}
            callbacks = {name: state for name, state in callbacks.items() if state}
            state = {"total_steps": progress.total_steps, "stopped": progress.stopped, "callbacks": callbacks, **self.provenance}
            save_checkpoint(self.folder, progress.step, progress.algorithm, self.latents, state, self.keep, self.best)


def named(callbacks):
    """{name of its class: callback}, in order; a second one of the same class is called <name>-2."""
    names = {}
    for callback in callbacks:
        name = kind = type(callback).__name__
        number = 1
        while name in names:
            number += 1
            name = f"{kind}-{number}"
        names[name] = callback
    return names
