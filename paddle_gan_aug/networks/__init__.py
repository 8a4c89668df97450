"""Generators, discriminators and classifiers, as plain `paddle.nn.Layer`s.

They know nothing of losses, optimizers or data sets: sizes come in, logits or images go out.
"""

from .classifiers import LeNet
from .discriminators import ClassicDiscriminator
from .generators import ClassicGenerator
from .variation import ImageChanger, VariationGenerator

__all__ = ["ClassicDiscriminator", "ClassicGenerator", "ImageChanger", "LeNet", "VariationGenerator"]
