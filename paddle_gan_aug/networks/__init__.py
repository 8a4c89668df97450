"""Generators, discriminators and classifiers, as plain `paddle.nn.Layer`s.

They know nothing of losses, optimizers or data sets: sizes come in, logits or images go out.
"""
# ruff: noqa: E402 - Paddle is imported first, without the lines that it prints about threads and compilers

from ..runtime import import_paddle

import_paddle()
from .classifiers import LeNet, PooledLeNet, ResNet
from .conditional import LABEL_FEATURES, EmbeddedLabels, HeadedDiscriminator
from .discriminators import ClassicDiscriminator, HalvingDiscriminator
from .generators import ClassicGenerator, DoublingGenerator
from .parallel import infer
from .residual import ResidualDiscriminator, ResidualGenerator
from .variation import ImageChanger, VariationGenerator

__all__ = [
    "LABEL_FEATURES",
    "ClassicDiscriminator",
    "ClassicGenerator",
    "DoublingGenerator",
    "EmbeddedLabels",
    "HalvingDiscriminator",
    "HeadedDiscriminator",
    "ImageChanger",
    "LeNet",
    "PooledLeNet",
    "ResNet",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "VariationGenerator",
    "infer",
]
