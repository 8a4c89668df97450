"""From a trained run to images on disk."""

from .generate import generate
from .vary import vary

__all__ = ["generate", "vary"]
