"""Runs: the loop that trains any algorithm, what happens around it, and how a run is kept on disk."""

from .classify import classify
from .run import open_run, train

__all__ = ["classify", "open_run", "train"]
