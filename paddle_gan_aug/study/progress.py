"""How far a study is: a line on a terminal, a table that fills in a notebook."""

import sys
import time
from html import escape
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..console import Shown, in_notebook
from .arm import Arm
from .cells import Cell, place_of_row
from .plan import told_time

Place = Tuple[str, str, int, str]  # see `Cell.place`
HEAD = ("arm", "images", "cells", "mean accuracy", "failed")


class TimeLeft:
    """How long a study still takes: what its cells were estimated to take, times what those that have ended took of their estimate.

    A mean over cells would not do: the first ones are the cheapest, and one of many trains the GAN that others share.

    Args:
        seconds: {place of a cell: its estimate} of all cells without a row. jobs: how many run at a time; more of a cluster are noticed.
        latest: the `time.monotonic()` by which the study ends in any case, or None.
    """

    def __init__(self, seconds: Dict[Place, float], jobs: int = 1, latest: Optional[float] = None) -> None:
        self.waiting, self.jobs, self.latest = dict(seconds), jobs, latest
        self.estimated, self.took, self.began = 0.0, 0.0, time.monotonic()

    def after(self, row: Dict[str, Any]) -> float:
        """The seconds that are left when a cell has ended. One that failed says nothing of how long others take."""
        seconds = self.waiting.pop(place_of_row(row), 0.0)
        if not row["error"]:
            self.estimated, self.took = self.estimated + seconds, self.took + row["seconds"]
        now = time.monotonic()
        slower = self.took / self.estimated if self.estimated else 1.0
        at_a_time = max(self.jobs, self.took / (now - self.began)) if now > self.began else self.jobs
        left = slower * sum(self.waiting.values()) / at_a_time
        return left if self.latest is None else min(left, max(0.0, self.latest - now))


class StudyProgress:
    """Shows the cells of one part of a study as they end, with an estimate of the time that the whole study still takes.

    Args:
        what: the part, "choosing" or "testing". arms: of the study, in the order of the table. cells: of the part.
        todo: those that have no row yet. rows: of the study, so far. left: of the study. quiet: show nothing.
    """

    def __init__(
        self,
        what: str,
        arms: Sequence[Arm],
        cells: Sequence[Cell],
        todo: Sequence[Cell],
        rows: Sequence[Dict[str, Any]],
        left: TimeLeft,
        quiet: bool,
    ) -> None:
        self.what, self.total, self.before, self.left, self.quiet = what, len(cells), len(cells) - len(todo), left, quiet
        self.ended, self.failed = 0, 0
        self.planned: Dict[Tuple[str, str], int] = {}
        places = [arm.name for arm in arms]
        for cell in sorted(cells, key=lambda cell: places.index(cell.arm.name)):  # the arms that are compared run first
            place = (cell.arm.name, cell.scenario.name)
            self.planned[place] = self.planned.get(place, 0) + 1
        stored = {cell.place for cell in cells} - {cell.place for cell in todo}
        self.rows = [row for row in rows if place_of_row(row) in stored]
        self.terminal = sys.stderr.isatty()
        self.table = Shown() if in_notebook() and not quiet else None
        self._show("")

    def row(self, row: Dict[str, Any]) -> None:
        """Count a cell that has ended."""
        self.ended += 1
        self.failed += bool(row["error"])
        self.rows.append(row)
        score = "failed: " + row["error"][:60] if row["error"] else f"{100 * row['accuracy']:.1f} %"
        failed = f", {self.failed} failed" if self.failed else ""
        text = (
            f"{self.what}  {self.before + self.ended}/{self.total} cells{failed}  ·  {row['arm']}, {row['scenario']}, "
            f"seed {row['seed']}: {score}  ·  {told_time(self.left.after(row))} left"
        )
        self._show(text)
        if not self.quiet and self.table is None:
            print(f"\r\x1b[K{text}" if self.terminal else text, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line."""
        if not self.quiet and self.terminal and self.ended:
            print(file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        if self.table is not None:
            lines = self._lines()
            widths = [max(len(line[column]) for line in [HEAD, *lines]) for column in range(len(HEAD))]
            plain = ["  ".join(entry.ljust(width) for entry, width in zip(line, widths)).rstrip() for line in [HEAD, *lines]]
            cells = ["".join(f"<td>{escape(entry)}</td>" for entry in line) for line in lines]
            head = "".join(f"<th>{name}</th>" for name in HEAD)
            body = "".join(f"<tr>{line}</tr>" for line in cells)
            html = f"<table><tr>{head}</tr>{body}</table>{escape(text or self.what)}"
            self.table.show("\n".join([*plain, text or self.what]), html)

    def _lines(self) -> List[Tuple[str, ...]]:
        """A line of the table for each arm and scenario."""
        lines = []
        for (arm, scenario), planned in self.planned.items():
            mine = [row for row in self.rows if (row["arm"], row["scenario"]) == (arm, scenario)]
            scores = [row["accuracy"] for row in mine if not row["error"]]
            mean = f"{100 * sum(scores) / len(scores):.1f} %" if scores else ""
            failed = len(mine) - len(scores)
            lines.append((arm, scenario, f"{len(mine)}/{planned}", mean, str(failed) if failed else ""))
        return lines

