"""What the dashboard shows of the networks: their graphs, and histograms of D's scores and of every layer's weights and gradients.

Two curves of losses look alike in a healthy run and in one that D has won. The histograms of the scores do not: in the first they
overlap, in the second they are two peaks far apart.
"""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Optional, Tuple

import numpy as np

from ..data import LabelledImages, to_network
from ..records.run_records import Records
from ..runtime import rng
from .loop import Callback, Progress

SCORED = 256  # real and generated images each whose scores are shown
SHOWN = 20_000  # the most numbers of a weight or gradient that its histogram counts


class NetworkGraphs(Callback):
    """Shows the graphs of G, D and a classifier when a run begins.

    Args:
        records: The records that show them on the dashboard.
        image_shape: (C, H, W) of the run's images.
    """

    stage = "record"

    def __init__(self, records: Records, image_shape: Tuple[int, int, int]) -> None:
        self.records, self.image_shape = records, image_shape

    def on_begin(self, progress: Progress) -> None:
        algorithm = progress.algorithm
        images = np.zeros((2, *self.image_shape), np.float32)
        labels = [algorithm.labels_in_turn(2)] if algorithm.conditional else []
        inputs = {"classifier": [images]}
        if not algorithm.varies_images:  # those take pairs of images
            inputs["discriminator"] = [np.concatenate([images] * algorithm.config.discriminator.pack, axis=1), *labels]
        if algorithm.latent_dim and not algorithm.varies_images:
            inputs["generator"] = [np.zeros((2, algorithm.latent_dim), np.float32), *labels]
        for name, network in algorithm.networks.items():
            if name in inputs:
                self.records.graph(name, network, inputs[name])


class Distributions(Callback):
    """Shows histograms every `every` steps.

    Their tags are `D scores/real`, `D scores/generated`, `weights <network>/<name>` and `gradients <network>/<name>`.

    Args:
        records: The records that show them on the dashboard.
        every: Steps between two histograms of one name.
        seed: The run's root seed, for the choice of the real images.
        latents: float32 [N, latent_dim], the run's fixed latents; None for an algorithm that makes no images.
        real: The training images; some of them, always the same, are scored.
    """

    stage = "record"

    def __init__(
        self,
        records: Records,
        every: int,
        seed: int = 0,
        latents: Optional[np.ndarray] = None,
        real: Optional[LabelledImages] = None,
    ) -> None:
        self.records, self.every, self.latents, self.real = records, every, latents, None
        if latents is not None and real is not None:
            self.real = real.subset(rng(seed, "scored images").permutation(len(real))[: min(SCORED, len(latents))])
        self._taps = contextlib.ExitStack()
        self._gradients: Dict[str, np.ndarray] = {}

    def on_step_begin(self, progress: Progress, step: int) -> None:
        if step % self.every == 0:
            for optimizer in progress.algorithm.optimizers.values():
                self._tap(progress.algorithm, optimizer)

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every == 0:
            self._taps.close()
            for name, values in {**_weights(progress.algorithm), **self._gradients, **self._scores(progress.algorithm)}.items():
                self.records.histogram(progress.step, name, values)
            self._gradients = {}

    def close(self) -> None:
        self._taps.close()

    def _tap(self, algorithm: Any, optimizer: Any) -> None:
        """Note the gradients at the next step of `optimizer`, since algorithms free them right after it."""
        step = optimizer.step

        def noting() -> None:
            self._gradients.update(_gradients(algorithm, optimizer))
            step()

        optimizer.step = noting
        self._taps.callback(lambda: optimizer.__dict__.pop("step", None))

    def _scores(self, algorithm: Any) -> Dict[str, np.ndarray]:
        """What D thinks of real and generated images, logits of "real"; {} for an algorithm without such a D."""
        if self.real is None:
            return {}
        latents = self.latents[: len(self.real)]
        labels = algorithm.default_labels(len(latents))
        generated = algorithm.realness(algorithm.images(latents, labels), labels)
        return {"D scores/real": algorithm.realness(to_network(self.real.images), self.real.labels), "D scores/generated": generated}


def _weights(algorithm: Any) -> Dict[str, np.ndarray]:
    named = (
        (f"weights {network}/{name}", value) for network, layer in algorithm.networks.items() for name, value in layer.named_parameters()
    )
    return {name: _thinned(value) for name, value in named if value.size > 1}


def _gradients(algorithm: Any, optimizer: Any) -> Dict[str, np.ndarray]:
    held = {id(parameter) for parameter in optimizer._parameter_list}
    return {
        f"gradients {network}/{name}": _thinned(value.grad)
        for network, layer in algorithm.networks.items()
        for name, value in layer.named_parameters()
        if id(value) in held and value.size > 1 and value.grad is not None
    }


def _thinned(tensor: Any) -> np.ndarray:
    """At most `SHOWN` of the numbers of a tensor, evenly spaced."""
    flat = tensor.detach().reshape([-1])
    return flat[:: -(-flat.shape[0] // SHOWN)].numpy()
