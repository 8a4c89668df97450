"""The command line: one file per command, parsing only. Paddle is imported once the arguments are known to be good."""

from .main import main

__all__ = ["main"]
