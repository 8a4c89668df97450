"""Generators, discriminators and classifiers, as plain `paddle.nn.Layer`s.

They know nothing of losses, optimizers or data sets: sizes come in, logits or images go out.
"""

from .classifiers import CLASSIFIERS, LeNet, ResNet
from .discriminators import ClassicDiscriminator
from .generators import ClassicGenerator

__all__ = ["CLASSIFIERS", "ClassicDiscriminator", "ClassicGenerator", "LeNet", "ResNet"]
