"""What the algorithms have in common whose images are variations of real ones.

`vary` takes any images. Grids, the health check and the measures also ask an algorithm for images of latents alone; for that these
algorithms remember some training images, which are part of their weights and so of every checkpoint.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np
import paddle
from paddle import nn
from scipy.special import ndtr

from ..data import to_network, to_uint8
from ..networks import infer
from .base import Algorithm, evaluating
from .base import noise as draw_noise
from .inference import InferenceModel, variation_model

AT_ONCE = 500  # images


class Sources(nn.Layer):
    """The first `count` training images that were seen, as a buffer: `images` uint8 [count, C, H, W], `seen` how many there are."""

    def __init__(self, count: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.register_buffer("images", paddle.zeros([count, channels, image_size, image_size], dtype="uint8"))
        self.register_buffer("seen", paddle.zeros([1], dtype="int64"))

    def remember(self, images: np.ndarray) -> None:
        """Keep images float32 [N, C, H, W] while there is room."""
        seen, kept = self.seen.item(), self.images.numpy()
        if seen < len(kept):
            new = to_uint8(images)[: len(kept) - seen]
            kept[seen : seen + len(new)] = new
            self.images.set_value(kept)
            self.seen.set_value(np.array([seen + len(new)], np.int64))

    def at(self, shares: np.ndarray) -> np.ndarray:
        """The images at `shares` [N], each in [0, 1], of those seen: float32 [N, C, H, W] in [-1, 1]; all black before the first."""
        seen = max(1, self.seen.item())
        return to_network(self.images.numpy()[np.minimum((shares * seen).astype(np.int64), seen - 1)])


class Varying(Algorithm):
    """Subclasses call `remember_sources` in their constructor, `self.sources.remember` in their step, and have a `drawing_network`.

    A latent's first number chooses the source (by its quantile), the others are the noise; so `latent_dim` is the noise's size + 1.
    """

    makes_images = True
    varies_images = True
    noise_dim: Optional[int] = None

    def remember_sources(self, channels: int, image_size: int) -> None:
        """Add the network `sources`; `config.variation.sources` says how many."""
        self.sources = self.networks["sources"] = Sources(self.config.variation.sources, channels, image_size)
        self.noise_dim = self.config.generator.latent_dim
        self.latent_dim = self.noise_dim + 1

    def variations(self, images: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """One variation of each image, in evaluation mode.

        Args:
            images: float32 [N, C, H, W] in [-1, 1]. noise: float32 [N, noise_dim].

        Returns:
            float32 [N, C, H, W] in [-1, 1], as NumPy arrays.
        """
        with evaluating(self.drawing_network) as network:
            return infer(network, paddle.to_tensor(images), paddle.to_tensor(noise)).clip(-1.0, 1.0).numpy()

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """See `Algorithm.inference_models`: the network that makes variations."""
        return [variation_model(self, self.drawing_network, shape)]

    def vary(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One variation of each image, of whatever class; `rng` draws the noise. Arguments and result otherwise as `variations`."""
        noise = rng.standard_normal((len(images), self.noise_dim), dtype=np.float32)
        pieces = [self.variations(images[i : i + AT_ONCE], noise[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
        return np.concatenate(pieces)

    def latents(self, count: int, rng: np.random.Generator, truncation: Optional[float] = None) -> np.ndarray:
        """See `Algorithm.latents`; the first number, which chooses a training image, is not truncated."""
        if truncation is None:
            return super().latents(count, rng)
        return np.concatenate([draw_noise((count, 1), rng), draw_noise((count, self.noise_dim), rng, truncation)], axis=1)

    def images(self, latents: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.images`: variations of remembered training images."""
        latents = np.asarray(latents, dtype=np.float32)
        return self.variations(self.sources.at(ndtr(latents[:, 0])), latents[:, 1:])
