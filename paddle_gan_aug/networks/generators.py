"""Generators: latent vectors in, images in [-1, 1] out."""

from paddle import nn

from .layers import ACTIVATIONS, UpConv2D, UpsampleConv2D, weight_attr

VARIANT_ACTIVATION = {"upsample": "tanh", "transpose": "leaky_relu"}


class ClassicGenerator(nn.Layer):
    """G of the classic GAN: Linear -> 1024, Linear -> 128 maps of a quarter of the size, then twice ×2.

    "upsample": bilinear ×2 and a convolution k5 each time (smoother edges, less speckle); "transpose": a transposed
    convolution k4 s2 each time (cheaper). A layer that BatchNorm follows has no bias.

    Input: latents [N, latent_dim] float32. Output: images [N, channels, image_size, image_size] float32 in [-1, 1].

    Args:
        variant: "transpose" or "upsample".
        image_size: height and width in pixels, a multiple of 4.
        width: multiplies every inner layer's size (1.0: 1024 features, 128 and 64 maps).
        activation: None = the variant's own (leaky_relu for transpose, tanh for upsample).
        output_activation: "tanh", or "leaky_relu" as in the oldest version (then the range is not bounded).
        init_std: weights ~ N(0, init_std); None = the framework's initialisation.

    Raises:
        ValueError: image_size is not a multiple of 4.
    """

    def __init__(
        self,
        variant="transpose",
        image_size=28,
        channels=1,
        latent_dim=100,
        width=1.0,
        activation=None,
        output_activation="tanh",
        init_std=0.02,
    ):
        super().__init__()
        if image_size % 4:
            raise ValueError(f"the classic generator doubles twice: image_size must be a multiple of 4, got {image_size}")
        features, maps, half = scaled(1024, width), scaled(128, width), scaled(64, width)
        self.latent_dim, self.base = latent_dim, image_size // 4
        self.activation = ACTIVATIONS[activation or VARIANT_ACTIVATION[variant]]
        self.output_activation = ACTIVATIONS[output_activation]
        self.fc1 = nn.Linear(latent_dim, features, weight_attr=weight_attr(init_std), bias_attr=False)
        self.bn1 = nn.BatchNorm1D(features)
        self.fc2 = nn.Linear(features, maps * self.base**2, weight_attr=weight_attr(init_std), bias_attr=False)
        self.bn2 = nn.BatchNorm1D(maps * self.base**2)
        if variant == "transpose":
            self.conv1 = UpConv2D(maps, half, bias=False, init_std=init_std)
            self.conv2 = UpConv2D(half, channels, init_std=init_std)
        else:
            self.conv1 = UpsampleConv2D(maps, half, 5, self.base, bias=False, init_std=init_std)
            self.conv2 = UpsampleConv2D(half, channels, 5, 2 * self.base, init_std=init_std)
        self.bn3 = nn.BatchNorm2D(half)

    def forward(self, latents):
        h = self.activation(self.bn1(self.fc1(latents)))
        h = self.activation(self.bn2(self.fc2(h)))
        h = h.reshape([h.shape[0], -1, self.base, self.base])
        h = self.activation(self.bn3(self.conv1(h)))
        return self.output_activation(self.conv2(h))


def scaled(size, width):
    """A layer's size at a width multiplier, at least 1."""
    return max(1, round(size * width))
