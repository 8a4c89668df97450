"""The flags of `generate` and `augment` that choose which generated images are kept."""

from __future__ import annotations

import argparse
import re
from typing import Any, Dict

from ..errors import InputError
from ..synthesis.filters import FILTERS
from .flags import SEVERAL, positive


def add_filter_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `filter_options` reads."""
    what = "; ".join(f"{row.name} {row.description[:1].lower()}{row.description[1:].rstrip('.')}" for row in FILTERS.values())
    group = parser.add_argument_group("filters", f"They run in this order: {what}.".replace("%", "%%"))
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--filters", choices=["default", "none"], help="Use the default filters, or none. With --classifier the default ones are used."
    )
    which.add_argument("--filter", dest="names", **SEVERAL, metavar="NAME", help=f"Use these filters alone, of {', '.join(FILTERS)}.")
    group.add_argument(
        "--filter-set",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME.SETTING=VALUE",
        help="Change a setting of a filter, for example confidence.threshold=0.9.",
    )
    group.add_argument(
        "--classifier", metavar="RUN", help="Use this run of classify in the filters. It must be trained on the data of the GAN."
    )
    group.add_argument("--attempts", type=positive, default=50, metavar="N", help="Try at most N images for each one that is asked for.")


def filter_options(args: argparse.Namespace) -> Dict[str, Any]:
    """The fields of `Filters` that the flags give.

    Raises:
        InputError: a setting that is not written as NAME.SETTING=VALUE.
    """
    from ..config.loading import parse_overrides

    settings: Dict[str, Dict[str, Any]] = {}
    for pair in args.settings:
        if not re.match(r"[^.=]+\.[^=]+=", pair):
            raise InputError(f"--filter-set {pair}: expected NAME.SETTING=VALUE, for example confidence.threshold=0.9")
    for key, value in parse_overrides(args.settings).items():
        name, _, setting = key.partition(".")
        settings.setdefault(name, {})[setting] = value
    return {"names": args.names or args.filters, "classifier": args.classifier, "settings": settings or None, "attempts": args.attempts}
