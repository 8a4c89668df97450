"""Networks as a configuration describes them: the one place where its keys become their arguments.

`registry.GENERATORS` and `registry.DISCRIMINATORS` say which keys each architecture reads.
"""

from __future__ import annotations

from paddle import nn

from ..config.sections import Discriminator, Generator
from ..networks import (
    LABEL_FEATURES,
    ClassicDiscriminator,
    ClassicGenerator,
    DoublingGenerator,
    EmbeddedLabels,
    HalvingDiscriminator,
    HeadedDiscriminator,
    ResidualDiscriminator,
    ResidualGenerator,
)


def make_generator(options: Generator, channels: int, image_size: int, latent_dim: int, classes: int = 0) -> nn.Layer:
    """Return the generator that `options` describes; with conditioning it also takes labels of `classes` classes."""
    if options.architecture == "residual":
        sizes = {"image_size": image_size, "channels": channels, "latent_dim": latent_dim, "width": options.width, "blocks": options.blocks}
        norm = "batch" if options.conditioning == "batch-norm" else options.norm
        told = 0 if options.conditioning == "none" else classes
        return ResidualGenerator(**sizes, norm=norm, output_activation=options.output_activation, classes=told)
    embedded = options.conditioning == "embedding"
    common = {
        "image_size": image_size,
        "channels": channels,
        "latent_dim": latent_dim + (LABEL_FEATURES if embedded else 0),
        "width": options.width,
        "activation": options.activation,
        "output_activation": options.output_activation,
        "init_std": options.init_std,
        "classes": classes if options.conditioning == "batch-norm" else 0,
    }
    if options.architecture == "classic":
        body = ClassicGenerator(options.variant, **common)
    else:
        body = DoublingGenerator(options.architecture, **common)
    return EmbeddedLabels(body, classes) if embedded else body


def make_discriminator(options: Discriminator, channels: int, image_size: int, double_grad: bool = False) -> nn.Layer:
    """Return the discriminator that `options` describes, without what its conditioning adds.

    Args:
        double_grad: build layers that can be differentiated twice, where there is a choice.
    """
    if options.architecture == "residual":
        return ResidualDiscriminator(image_size, channels * options.pack, options.width, options.blocks)
    common = {
        "image_size": image_size,
        "channels": channels * options.pack + (options.conditioning == "embedding"),
        **{name: getattr(options, name) for name in ("width", "norm", "head", "activation", "init_std", "minibatch_std")},
    }
    if options.architecture == "classic":
        return ClassicDiscriminator(see_edges=options.see_edges, **common)
    return HalvingDiscriminator(options.architecture, dropout=options.dropout, double_grad=double_grad, **common)


def make_headed_discriminator(
    options: Discriminator, channels: int, image_size: int, classes: int = 0, auxiliary: int = 0, double_grad: bool = False
) -> HeadedDiscriminator:
    """Return `make_discriminator` with what its conditioning adds, and `auxiliary` outputs of a second head."""
    body = make_discriminator(options, channels, image_size, double_grad)
    spectral = options.norm == "spectral"
    return HeadedDiscriminator(body, options.conditioning, classes, image_size, auxiliary, spectral, options.init_std)
