"""What the GANs have in common: their networks, the average of G, what D sees, and how they make and judge images."""

from __future__ import annotations

from typing import List, Optional, Sequence, Union

import numpy as np
import paddle
from paddle import Tensor, nn

from ..config.sections import Config
from ..networks import infer
from .base import Algorithm, evaluating
from .ema import Average
from .inference import InferenceModel, generator_model
from .losses import score
from .view import View


class GAN(Algorithm):
    """Base of all GANs. Subclasses implement `make_generator`, `make_discriminator`, `add_optimizers` and `step`."""

    makes_images = True

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config)
        self.classes = len(class_names)
        self.latent_dim = self.latent_size()
        self.generator = self.make_generator(channels, image_size)
        self.discriminator = self.make_discriminator(channels, image_size)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.average: Optional[Average] = None
        if config.generator.ema or config.schedule.ema_images:
            self.networks["generator_average"] = self.make_generator(channels, image_size)
            self.average = Average(self.generator, self.networks["generator_average"], config.generator.ema)
            self.averaged = {"generator": "generator_average"}
        self.view = View(config)
        self._rng: Optional[np.random.Generator] = None  # of the step under way
        self.add_optimizers()

    def latent_size(self) -> int:
        """The size of a latent."""
        return self.config.generator.latent_dim

    def make_generator(self, channels: int, image_size: int) -> nn.Layer:
        """Return a new generator as the configuration describes it."""
        raise NotImplementedError

    def make_discriminator(self, channels: int, image_size: int) -> nn.Layer:
        """Return a new discriminator as the configuration describes it."""
        raise NotImplementedError

    def add_optimizers(self) -> None:
        """Add one optimizer for the discriminator and one for the generator."""
        self.add_adam("d", self.discriminator, self.config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, self.config.optimizer.generator_lr)

    def seen(self, images: Tensor) -> Tensor:
        """What D is shown of `images` [N, C, H, W]: they are changed and blurred as the configuration says."""
        return self.view(images, self._rng, self.step_number)

    def labels_of(self, labels: Optional[Union[np.ndarray, Sequence[int]]]) -> Optional[Tensor]:
        """`labels` as a tensor int64 [N]; None for a GAN that is not conditional.

        Raises:
            ValueError: the GAN is conditional, and there are none.
        """
        if not self.conditional:
            return None
        if labels is None:
            raise ValueError("labels: a conditional GAN needs the class of each image")
        return paddle.to_tensor(np.asarray(labels, dtype=np.int64))

    @property
    def drawing_network(self) -> nn.Layer:
        """The generator that draws images: the averaged one where there is one."""
        return self.networks.get("generator_average", self.generator)

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """See `Algorithm.inference_models`: the generator."""
        return [generator_model(self, self.drawing_network, shape)]

    def images(self, latents: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.images`; the averaged generator draws them where there is one."""
        told = self.labels_of(labels)
        with evaluating(self.drawing_network) as generator:
            return infer(generator, paddle.to_tensor(latents), *([] if told is None else [told])).clip(-1.0, 1.0).numpy()

    def realness(self, images: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.realness`; of two logits the difference."""
        told = self.labels_of(labels)
        with evaluating(self.discriminator) as discriminator:
            return score(discriminator(paddle.to_tensor(images), *([] if told is None else [told]))).numpy()
