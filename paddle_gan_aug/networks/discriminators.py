"""Discriminators: images in, logits out (never probabilities: the losses take logits)."""

from paddle import nn

from .generators import scaled
from .layers import ACTIVATIONS, ConvPool, norm1d, weight_attr
from .parallel import batch_parts, split_batch

HEAD_LOGITS = {"sigmoid": 1, "softmax": 2}


class ClassicDiscriminator(nn.Layer):
    """D of the classic GAN: twice Conv k3 -> max-pool 2 (64 and 128 maps), Linear -> 1024, Linear -> logits.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, 1] for the sigmoid
    head, [N, 2] for the softmax head (class 1 = real).

    Args:
        norm: "none", "batch" (the published one), "instance" (feature maps only) or "spectral" (Miyato et al. 2018).
        head: "sigmoid" or "softmax".
        activation: "relu" or "leaky_relu".
        width: multiplies every inner layer's size.
        init_std: weights ~ N(0, init_std); None = the framework's initialisation.
        see_edges: pool so that no row or column is dropped. At 28 pixels the published pools (False) leave the last two rows and
            columns without any influence on the logit, and a generator fills them with bright lines.

    Raises:
        ValueError: the image is too small for two convolutions and pools (less than 10 pixels).
    """

    def __init__(self, image_size=28, channels=1, width=1.0, norm="none", head="sigmoid", activation="relu", init_std=0.02, see_edges=True):
        super().__init__()
        side = ((image_size - 2) // 2 - 2) // 2
        if side < 1:
            raise ValueError(f"the classic discriminator needs images of at least 10 pixels, got {image_size}")
        maps, features = (scaled(64, width), scaled(128, width)), scaled(1024, width)
        self.block1 = ConvPool(channels, maps[0], norm, activation, init_std, see_edges)
        self.block2 = ConvPool(maps[0], maps[1], norm, activation, init_std, see_edges)
        self.fc1 = nn.Linear(maps[1] * side**2, features, weight_attr=weight_attr(init_std), bias_attr=False if norm == "batch" else None)
        self.norm1 = norm1d(norm, features)
        self.fc2 = nn.Linear(features, HEAD_LOGITS[head], weight_attr=weight_attr(init_std))
        self.activation, self.norm = ACTIVATIONS[activation], norm
        if norm == "spectral":
            nn.utils.spectral_norm(self.fc1)
            nn.utils.spectral_norm(self.fc2)

    def forward(self, images):
        if self.norm == "none" and batch_parts(images) > 1:
            parameters = [p for block in (self.block1, self.block2) for p in (block.conv.weight, block.bias)]
            h = split_batch(self._feature_maps, images, *parameters)
        else:
            h = self.block2(self.block1(images))
        h = self.fc1(h.reshape([h.shape[0], -1]))
        if self.norm1 is not None:
            h = self.norm1(h)
        return self.fc2(self.activation(h))

    def _feature_maps(self, images, weight1, bias1, weight2, bias2):
        return self.block2.compute(self.block1.compute(images, weight1, bias1), weight2, bias2)
