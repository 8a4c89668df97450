"""Networks that make another image of a given one: a DAGAN's generator, and the small network of the learned augmenter."""

from __future__ import annotations

import math
from typing import Optional

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .generators import scaled
from .layers import ACTIVATIONS, UpConv2D, weight_attr
from .parallel import exporting

BOUNDS = {  # how far each change goes; those of the learned augmenter are multiplied by its strength
    "field": 0.15,  # of a dagan: of half the side
    "difference": 0.25,  # of a dagan: of any pixel
    "turn": 0.5,  # radians either way
    "scale": 0.25,  # of the factor 1
    "shear": 0.3,
    "shift": 0.2,  # of half the side
    "contrast": 0.3,  # of the factor 1
    "brightness": 0.2,
    "residual": 0.2,  # of any pixel
}


def sampled(images: Tensor, places: Tensor) -> Tensor:
    """Images [N, C, H, W] sampled bilinearly at `places` [N, H, W, 2] (right and down, the frame being -1 to 1); from outside comes the
    nearest edge pixel. Places that are no numbers make the images NaN; Paddle 2.6 would read outside its memory."""
    if exporting():
        return F.grid_sample(images, places, padding_mode="border", align_corners=False)
    if images.stop_gradient:  # Paddle's backward of grid_sample writes their gradient, wanted or not, or crashes
        images = images.detach()
        images.stop_gradient = False
    numbers = paddle.where(paddle.isnan(places), paddle.zeros_like(places), places)
    return F.grid_sample(images, numbers, padding_mode="border", align_corners=False) + 0 * places.sum()


class VariationGenerator(nn.Layer):
    """G of a DAGAN (Antoniou et al. 2017, arXiv:1711.04340, section 3), narrow: an encoder, noise beside its code, and a decoder
    that sees the encoder's feature maps too (skip connections).

    Unlike the paper's, the decoder does not paint the image but how it differs: a smooth field of displacements, and a residual, both
    bounded. One that paints, trained on few classes, paints those: of digits it had not seen it made others nearly always.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1] and noise [N, noise_dim]. Output: images like these.

    Args:
        width: multiplies every inner layer's size (1.0: 64 and 128 maps, a code of 256).
        init_std: weights ~ N(0, init_std); None = the framework's initialisation.

    Raises:
        ValueError: image_size is not a multiple of 4.
    """

    def __init__(
        self, image_size: int = 28, channels: int = 1, noise_dim: int = 100, width: float = 1.0, init_std: Optional[float] = 0.02
    ) -> None:
        super().__init__()
        if image_size % 4:
            raise ValueError(f"the variation generator halves twice: image_size must be a multiple of 4, got {image_size}")
        first, second, code = scaled(64, width), scaled(128, width), scaled(256, width)
        self.base, attr = image_size // 4, weight_attr(init_std)
        self.activation = ACTIVATIONS["leaky_relu"]
        self.encode1 = nn.Conv2D(channels, first, 4, 2, 1, weight_attr=attr)
        self.encode2 = nn.Conv2D(first, second, 4, 2, 1, weight_attr=attr, bias_attr=False)
        self.bn_encode2 = nn.BatchNorm2D(second)
        self.code = nn.Linear(second * self.base**2, code, weight_attr=attr, bias_attr=False)
        self.bn_code = nn.BatchNorm1D(code)
        self.mix = nn.Linear(code + noise_dim, second * self.base**2, weight_attr=attr, bias_attr=False)
        self.bn_mix = nn.BatchNorm1D(second * self.base**2)
        self.field = nn.Conv2D(2 * second, 2, 3, padding=1, weight_attr=attr)
        self.decode1 = UpConv2D(2 * second, first, bias=False, init_std=init_std)
        self.bn_decode1 = nn.BatchNorm2D(first)
        self.decode2 = UpConv2D(2 * first, channels, init_std=init_std)
        self.register_buffer("places", F.affine_grid(paddle.eye(2, 3).unsqueeze(0), [1, 1, image_size, image_size], False), False)

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        large = self.activation(self.encode1(images))
        small = self.activation(self.bn_encode2(self.encode2(large)))
        code = self.activation(self.bn_code(self.code(small.reshape([-1, self.code.weight.shape[0]]))))
        h = self.activation(self.bn_mix(self.mix(paddle.concat([code, noise], axis=1))))
        h = paddle.concat([h.reshape([-1, *small.shape[1:]]), small], axis=1)
        field = F.interpolate(F.tanh(self.field(h)), images.shape[2:], mode="bilinear").transpose([0, 2, 3, 1])
        moved = sampled(images, self.places + BOUNDS["field"] * field)
        h = self.activation(self.bn_decode1(self.decode1(h)))
        residual = F.tanh(self.decode2(paddle.concat([h, large], axis=1)))
        return (moved + BOUNDS["difference"] * residual).clip(-1.0, 1.0)


class ImageChanger(nn.Layer):
    """Changes an image: an affine map, contrast and brightness, and a smooth residual; all differentiable, and all bounded, so that no
    image can be turned into just anything.

    What it shows and the noise say how far each change may go; the noise alone says which way and how much of that: a network that chose
    the change itself would find the one that is hardest and make it of every image.

    It begins near the identity. Input: images [N, channels, image_size, image_size] float32 in [-1, 1] and noise [N, noise_dim].
    Output: images like these.

    Args:
        width: multiplies the inner layers' sizes. strength: multiplies all of its `BOUNDS`; 0 gives the images as they are.

    Raises:
        ValueError: image_size is not a multiple of 4, or there is less noise than there are changes.
    """

    numbers = 8  # turn, scale, shear, shifts down and right, contrast, brightness, and the residual's strength

    def __init__(self, image_size: int = 28, channels: int = 1, noise_dim: int = 16, width: float = 1.0, strength: float = 1.0) -> None:
        super().__init__()
        if image_size % 4:
            raise ValueError(f"the image changer halves twice: image_size must be a multiple of 4, got {image_size}")
        if noise_dim < self.numbers:
            raise ValueError(f"generator.latent_dim {noise_dim}: the image changer wants noise for each of its {self.numbers} changes")
        first, second, code = scaled(16, width), scaled(32, width), scaled(64, width)
        self.base, self.strength = image_size // 4, strength
        self.activation = ACTIVATIONS["leaky_relu"]
        self.see1 = nn.Conv2D(channels, first, 4, 2, 1)
        self.see2 = nn.Conv2D(first, second, 4, 2, 1)
        self.code = nn.Linear(second * self.base**2 + noise_dim, code)
        self.numbers_of = nn.Linear(code, self.numbers, weight_attr=weight_attr(0.02))
        self.field = nn.Linear(code, first * self.base**2)
        self.paint1 = UpConv2D(first, first)
        self.paint2 = UpConv2D(first, channels, init_std=0.02)

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        pixels = math.prod(images.shape[1:])
        seen = self.activation(self.see2(self.activation(self.see1(images)))).reshape([-1, self.see2.weight.shape[0] * self.base**2])
        code = self.activation(self.code(paddle.concat([seen, noise], axis=1)))
        drawn = paddle.erf(noise[:, : self.numbers] / math.sqrt(2))  # uniform between -1 and 1
        numbers = F.tanh(self.numbers_of(code)) * drawn * self.strength
        turn, scale, shear, down, right, contrast, brightness, amount = (numbers[:, i] for i in range(self.numbers))
        moved = self._moved(images, turn, scale, shear, down, right)
        residual = self.activation(self.field(code)).reshape([-1, self.paint1.weight.shape[0], self.base, self.base])
        residual = F.tanh(self.paint2(self.activation(self.paint1(residual)))).reshape([-1, pixels])
        flat = moved.reshape([-1, pixels])
        middle = flat.mean(1, keepdim=True)
        flat = middle + (flat - middle) * (1 + BOUNDS["contrast"] * contrast).unsqueeze(1)
        flat = flat + (BOUNDS["brightness"] * brightness).unsqueeze(1) + residual * (BOUNDS["residual"] * amount).unsqueeze(1)
        return flat.clip(-1.0, 1.0).reshape(images.shape)

    def _moved(self, images: Tensor, turn: Tensor, scale: Tensor, shear: Tensor, down: Tensor, right: Tensor) -> Tensor:
        """The affine map."""
        angle, factor = BOUNDS["turn"] * turn, 1 / (1 + BOUNDS["scale"] * scale)
        slant = BOUNDS["shear"] * shear
        cos, sin = factor * angle.cos(), factor * angle.sin()
        rows = [cos, slant * cos - sin, BOUNDS["shift"] * right, sin, slant * sin + cos, BOUNDS["shift"] * down]
        matrix = paddle.stack(rows, axis=1).reshape([-1, 2, 3])
        shape = paddle.shape(images) if exporting() else images.shape
        return sampled(images, F.affine_grid(matrix, shape, align_corners=False))
