"""From a trained run to images on disk."""

from .generate import generate

__all__ = ["generate"]
