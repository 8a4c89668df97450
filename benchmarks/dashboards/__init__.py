"""What the dashboards of three kinds of run look like, and how long their pages take."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple


def dashboards(rows: str, to: str, pictures: str, pages: bool, say: Callable[[str], None]) -> Tuple[Dict[str, Any], str]:
    """`dashboards`: see `runs.picture_runs`; with `pages` see `pages.time_pages`."""
    if pages:
        from .pages import time_pages

        return time_pages(to, say)
    from .runs import picture_runs

    return picture_runs(rows, to, pictures, say)
