"""What a command would do, and about how long it would take, without doing it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from PIL import Image

from .. import runtime
from ..config.loading import Config
from ..console import duration, listed, one_line
from ..data import LabelledImages, to_network, to_uint8
from ..machine import MB
from ..pictures import grid
from .batches import planned_steps
from .memory import Needs, checkpoint_bytes
from .prepare import Prepared
from .timing import DRAWN, Seconds, rate, starting, time_training

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm  # it imports Paddle without ado


@dataclass(frozen=True)
class DryRun:
    """What a command would do. Nothing was written to find it out.

    Attributes:
        about: {what: plain values}, such as preset, data, steps, batch_size, run, parameters, memory_mb and disk_mb. What is not known
            is None.
        steps: what would be done one after the other, and how long it would take: [{"what", "seconds", "low", "high"}]. `low` and
            `high` bound the time in seconds, and `seconds` is the middle between them.
    """

    about: Dict[str, Any]
    steps: List[Dict[str, Any]]

    @property
    def seconds(self) -> Seconds:
        """The time of all steps together."""
        return Seconds(*(sum(step[end] for step in self.steps) for end in ("low", "high")))

    def to_json(self) -> Dict[str, Any]:
        """Plain values: `about`, with the steps and the seconds of all."""
        return {**self.about, "stages": self.steps, **{key: value for key, value in self.seconds.step("").items() if key != "what"}}

    def told(self) -> str:
        """Lines for people."""
        about = {key.removesuffix("_mb"): _told(key, value) for key, value in self.about.items() if value is not None}
        width = max(map(len, about))
        lines = [f"{key.replace('_', ' '):{width}}  {text}" for key, text in about.items()]
        lines += [f"{duration(step['low'], step['high'])}: {one_line(step['what'])}" for step in self.steps]
        written = "nothing was written but caches of pictures"
        return "\n".join([*lines, f"{duration(*self.seconds)} in all, an estimate from a little of the work; {written}"])


def _told(key: str, value: Any) -> str:
    if key.endswith("_mb"):
        return f"about {max(1, round(value))} MB"
    if isinstance(value, dict):
        return ", ".join(_pair(name, inner) for name, inner in value.items() if inner is not None)
    if isinstance(value, (list, tuple)):
        return " x ".join(map(str, value)) if key == "shape" else listed(value)
    return f"{value:,}" if _is_count(value) else one_line(str(value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pair(name: str, value: Any) -> str:
    """`5 images`, `shape 1 x 28 x 28`."""
    words = [_told(name, value), name.replace("_", " ")]
    return " ".join(words if _is_count(value) else reversed(words))


def data_of(images: LabelledImages) -> Dict[str, Any]:
    """Images in plain values: source, images, shape (C, H, W) and classes."""
    return {"source": images.source, "images": len(images), "shape": list(images.shape), "classes": list(images.class_names)}


def parameters_of(algorithm: Algorithm) -> Dict[str, int]:
    """{network: its parameters}; an average has as many as what it is the average of, and is left out."""
    networks = {name: network for name, network in algorithm.networks.items() if name not in algorithm.averaged.values()}
    return {name: sum(int(parameter.size) for parameter in network.parameters()) for name, network in networks.items()}


def dry_run_of(prepared: Prepared, config: Config, algorithm: Algorithm, batches: Any, first_step: int, needs: Optional[Needs]) -> DryRun:
    """What a training would do.

    Args:
        prepared: What it needs. config, algorithm, batches: Of its first stretch; the algorithm is changed.
        first_step: Steps that are done. needs: The memory that it needs, if it is known.
    """
    total = planned_steps(config, algorithm.steps_per_epoch(batches))
    steps = [starting(prepared.seconds)]
    if first_step < total:
        timed = time_training(config, algorithm, batches, first_step)
        steps.append(timed.step.times(total - first_step).step(f"train steps {first_step + 1} to {total}"))
        if config.eval.every_steps:
            steps += _validations(prepared, config, algorithm, -(-total // config.eval.every_steps) - first_step // config.eval.every_steps)
    about = {
        "preset": config.preset,
        "data": data_of(prepared.images),
        "unlabelled": None if prepared.unlabelled is None else data_of(prepared.unlabelled),
        "validation": None if prepared.validation is None else len(prepared.validation),
        "steps": total,
        "steps_done": first_step or None,
        "batch_size": config.train.batch_size,
        "run": str(prepared.folder),
        "log": str(prepared.log) if config.log.visualdl else None,
        "parameters": parameters_of(algorithm),
        "memory_mb": needs and needs.memory_mb,
        "disk_mb": round(_run_bytes(config, algorithm, total) / MB, 2),
    }
    return DryRun(about, steps)


def _validations(prepared: Prepared, config: Config, algorithm: Algorithm, count: int) -> List[Dict[str, Any]]:
    """The stage of what `eval.every_steps` measures, so many times."""
    if prepared.validation is not None:
        images = prepared.validation
        each = rate(lambda some: algorithm.read(to_network(some)), images.images[:DRAWN]).times(len(images))
        return [each.times(count).step(f"read {len(images)} validation images, {count} times")]
    if prepared.real is None:
        return []
    from ..evaluation.registry import during_training
    from .measuring import measuring_steps, some_of  # imports scikit-learn, which takes a second

    count_each = config.eval.count
    return measuring_steps(prepared.real, some_of(algorithm, count_each), count_each, metrics=during_training(), times=count)


def _run_bytes(config: Config, algorithm: Algorithm, total: int) -> float:
    """The bytes of the run's folder when it has ended: one whole checkpoint, light ones, pictures and records."""
    whole = checkpoint_bytes(algorithm)
    light = sum(array.nbytes for array in algorithm.light_weights(algorithm.weights()).values()) if config.checkpoint.light else whole
    saved = min(config.checkpoint.keep, -(-total // config.checkpoint.every_steps)) + bool(config.eval.every_steps)
    size = whole + (saved - 1) * light
    if algorithm.makes_images:
        file = io.BytesIO()
        images = to_uint8(algorithm.sample(min(DRAWN, config.log.grid_images), runtime.rng(0, "estimate")))
        Image.fromarray(grid(images)).save(file, "PNG")
        size += len(file.getvalue()) * config.log.grid_images / len(images) * -(-total // config.log.grid_every_steps)
    return size
