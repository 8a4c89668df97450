"""Runs: the loop that trains any algorithm, what happens around it, how a run is kept on disk, and how its images are measured."""

from .classify import classify
from .run import open_run, train

__all__ = ["classify", "open_run", "train"]
