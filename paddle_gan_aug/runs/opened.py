"""A run that was trained: what one can do with it, and how it is opened from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from .. import runtime
from ..algorithms import build
from ..config.arguments import checked
from ..config.loading import Config, load_config
from ..data import LabelledImages
from ..errors import InputError, RunFailed
from ..files import use_cache
from ..records.metrics_file import METRICS_FILE, read_metrics
from ..training.checkpoint import WEIGHTS, best_of, best_step, checksums_of, load_newest
from ..training.recovery import Recovery
from .display import run_html
from .dry_run import DryRun
from .inference import Exported, check_target, write_models
from .places import run_folder
from .sampling import draw, labels_asked_for, number_of_images

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm


@dataclass
class Run:
    """A trained or interrupted run.

    Attributes:
        folder: The run's folder.
        config: Its configuration.
        algorithm: The trained networks, ready to generate or to classify images.
        step: The training step at which they are.
        state: What the checkpoint says about itself: the data, the image shape, the versions.
        interrupted: The name of the signal that ended the training early, or None.
        dry_run: What a training would do that was only tried, a `DryRun`; else None.
    """

    folder: Path
    config: Config
    algorithm: Any
    step: int
    state: Dict[str, Any]
    interrupted: Optional[str] = None
    dry_run: Optional[DryRun] = None

    @property
    def best(self) -> Optional[Dict[str, Any]]:
        """The best measure on validation images so far, {"step", "metric", "value"}; None without `eval.every_steps`."""
        return best_of(self.folder / "checkpoints")

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the weights of its checkpoint, 64 hexadecimal digits; that of a light checkpoint is that of the whole one."""
        return checksums_of(self.folder / "checkpoints" / f"step-{self.step}")[WEIGHTS]

    def metrics(self) -> List[Dict[str, Any]]:
        """The rows of metrics.jsonl, one dict per recorded step: step, time, epoch, and the values of the step.

        Raises:
            InputError: The file is missing or damaged.
        """
        return read_metrics(self.folder / METRICS_FILE)

    def curve(self, name: str) -> Tuple[np.ndarray, np.ndarray]:
        """The steps at which a value was recorded, int64 [N], and the values, float64 [N].

        Args:
            name: The name of a value in `metrics`, such as "g_loss". A value that was not finite is NaN.

        Raises:
            InputError: No row has such a value.
        """
        rows = [(row["step"], np.nan if row[name] is None else row[name]) for row in self.metrics() if name in row]
        if not rows:
            names = sorted({key for row in self.metrics() for key in row})
            raise InputError(f"run {self.folder.name} has recorded no {name}; it has {', '.join(names)}")
        steps, values = zip(*rows)
        return np.array(steps, np.int64), np.array(values, np.float64)

    def sample(self, n: int, *, seed: int = 0, labels: Union[str, int, Sequence[Union[str, int]], None] = None) -> LabelledImages:
        """Draw images.

        The k-th image of a class depends on the seed and k alone, and is the k-th image that `generate` draws of that class under
        the same seed. So `sample(10)` begins with the images of `sample(5)`.

        Args:
            n: How many images, at least 1.
            seed: The root seed, 0 or larger.
            labels: The class of all images, or of each of the `n` images, by name or index. None means all learnt classes in turn,
                equally often. A GAN that was trained on one class draws that class alone; a GAN that knows no classes gives all
                images the class "unlabelled".

        Returns:
            The images, uint8 [n, C, H, W], with their labels.

        Raises:
            InputError: The run makes no images, or needs real images to vary; it has not learnt a class; `n` or `seed` is wrong.
        """
        if not self.algorithm.makes_images:
            raise InputError(f"run {self.folder.name} makes no images: it trained the algorithm {self.config.algorithm}")
        if self.algorithm.varies_images:
            raise InputError(f"run {self.folder.name} makes variations of real images: use vary to give it some")
        seed = runtime.check_seed(seed)
        indices, names = labels_asked_for(self, number_of_images(n), labels)
        return LabelledImages(draw(self.algorithm, indices, seed), indices, names, f"{self.folder.name}, step {self.step}, seed {seed}")

    def _repr_html_(self) -> str:
        return run_html(self)

    def export(self, to: Union[str, Path], *, form: str = "paddle") -> Exported:
        """Write the networks for programs that do not know this package; see `export`, which explains the arguments and errors."""
        return write_models(self, check_target(to, form), form)


@checked
def open_run(run: Union[str, Path], *, checkpoint: Union[str, int] = "last", device: str = "auto", threads: int = 0) -> Run:
    """Open a trained run to sample from it or to read images with it.

    Args:
        run: The run's folder, or its name in `output`.
        checkpoint: "last", "best" (by the metric that `eval.best` names), or a step.
        device: "auto", "cpu" or "gpu".
        threads: CPU threads; 0 means one per physical core.

    Raises:
        InputError: There is no such run or no such checkpoint.
        RunFailed: The run has failed, or every checkpoint is damaged.

    Example:
        >>> run = open_run("output/my-run")
        >>> run.sample(64).show()
    """
    folder = run_folder(run)
    recovery = Recovery(folder)
    if recovery.failed:
        raise RunFailed(f"run {folder} has failed ({recovery.failed}): no samples are made from it")
    config = load_config(folder / "config.yaml")
    steps = recovery.steps(folder / "checkpoints")
    if not steps:
        raise InputError(f"run {folder} has no checkpoint yet: train it first, or resume it")
    if checkpoint != "last":
        steps = [_chosen(folder, checkpoint, steps)]
    use_cache(config.runtime.cache)
    runtime.start(device, threads, config.runtime.cpu_tuning)

    def algorithm_for(state: Dict[str, Any]) -> Algorithm:
        data = state["data"]
        return build(recovery.config(config, recovery.count_of(state)), state["image_shape"], data["class_names"], data.get("counts"))

    restored = load_newest(folder / "checkpoints", algorithm_for, steps, optimizers=False)
    if restored is None:
        raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
    algorithm, state, _ = restored
    for network in algorithm.networks.values():
        network.eval()  # nobody trains it: threads that draw at the same time need not switch the mode
    return Run(folder, algorithm.config, algorithm, state["step"], state)


def _chosen(folder: Path, checkpoint: Union[str, int], steps: Sequence[int]) -> int:
    """The step of the checkpoint "best", or of that of a step.

    Raises:
        InputError: There is none.
    """
    there = ", ".join(map(str, steps))
    step = best_step(folder / "checkpoints") if checkpoint == "best" else checkpoint
    if step is None:
        raise InputError(f"run {folder} has no best checkpoint: it was trained without eval.every_steps; choose last, or a step: {there}")
    if str(step) not in map(str, steps):
        raise InputError(f"run {folder} has no checkpoint {step}; it has {there} (choose last, best or a step)")
    return int(step)
