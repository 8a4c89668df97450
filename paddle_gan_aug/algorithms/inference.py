"""What of an algorithm can be exported: its networks for use, with named inputs, apart from everything that trains them.

The networks are traced as plain Python (`not_to_static`): none of their branches looks at a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .ports import NORMAL, Port


@dataclass(frozen=True, eq=False)
class InferenceModel:
    """A network as it is used.

    Attributes:
        name: "generator", "variation" or "classifier".
        network: takes the inputs as tensors in their order, returns the output; in evaluation mode.
        inputs, output: what goes in and what comes out.
        compute: what the algorithm itself computes: arrays of the inputs -> the array of the output.
        example: draws inputs: (how many items, a generator of random numbers) -> arrays.
    """

    name: str
    network: nn.Layer
    inputs: Tuple[Port, ...]
    output: Port
    compute: Callable[..., np.ndarray]
    example: Callable[[int, np.random.Generator], List[np.ndarray]]


def generator_model(algorithm: Any, network: nn.Layer, shape: Sequence[int]) -> InferenceModel:
    """The model of a generator: latents, and labels if `algorithm` is conditional -> images of `shape` (C, H, W)."""
    parts = tuple(part for part in algorithm.latent_parts() if part[0])
    inputs = [Port("latents", (algorithm.latent_dim,), "float32", "random numbers", parts=parts)]
    if algorithm.conditional:
        inputs.append(Port("labels", (), "int64", "the number of the class that each image is to show", 0, algorithm.classes - 1))

    def example(count: int, rng: np.random.Generator) -> List[np.ndarray]:
        return [algorithm.latents(count, rng), *([algorithm.default_labels(count)] if algorithm.conditional else [])]

    return InferenceModel("generator", _ImageNetwork(network), tuple(inputs), _images(shape), algorithm.images, example)


def variation_model(algorithm: Any, network: nn.Layer, shape: Sequence[int]) -> InferenceModel:
    """The model of a network that makes variations: images and noise -> images of `shape` (C, H, W)."""
    inputs = (_images(shape), Port("noise", (algorithm.noise_dim,), "float32", "random numbers", parts=((algorithm.noise_dim, NORMAL),)))

    def example(count: int, rng: np.random.Generator) -> List[np.ndarray]:
        return [algorithm.sources.at(rng.random(count)), rng.standard_normal((count, algorithm.noise_dim), dtype=np.float32)]

    return InferenceModel("variation", _ImageNetwork(network), inputs, _images(shape), algorithm.variations, example)


def classifier_model(algorithm: Any, network: nn.Layer, shape: Sequence[int]) -> InferenceModel:
    """The model of a classifier, which has `features` and `logits`: images of `shape` (C, H, W) -> class probabilities."""
    output = Port("probabilities", (len(algorithm.class_names),), "float32", "the probability of each class", 0.0, 1.0)

    def example(count: int, rng: np.random.Generator) -> List[np.ndarray]:
        return [rng.uniform(-1, 1, (count, *shape)).astype(np.float32)]

    network = _ProbabilityNetwork(network)
    return InferenceModel("classifier", network, (_images(shape),), output, lambda images: algorithm.read(images)[0], example)


def _images(shape: Sequence[int]) -> Port:
    return Port("images", tuple(shape), "float32", "pixels, -1 is black and 1 is white", -1.0, 1.0)


class _ImageNetwork(nn.Layer):
    """A network that makes images of one or two inputs, clipped to [-1, 1]."""

    def __init__(self, network: nn.Layer) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, second: Optional[Tensor] = None) -> Tensor:
        return _clipped(self.network, first, second)


class _ProbabilityNetwork(nn.Layer):
    """A network with `features` and `logits`, as class probabilities."""

    def __init__(self, network: nn.Layer) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return _probabilities(self.network, images)


@paddle.jit.not_to_static
def _clipped(network: nn.Layer, first: Tensor, second: Optional[Tensor]) -> Tensor:
    return (network(first) if second is None else network(first, second)).clip(-1.0, 1.0)


@paddle.jit.not_to_static
def _probabilities(network: nn.Layer, images: Tensor) -> Tensor:
    return F.softmax(network.logits(network.features(images)), axis=1)
