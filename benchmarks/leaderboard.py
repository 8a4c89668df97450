"""The leaderboard: how many CPU seconds of training a preset needs for a fixed Fréchet distance to validation images.

A row is never changed or taken away: what a later version measures is added below, with its date and commit.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from benchmarks.recipes import MeasuredAt, Row, Rows, Say, read_recipes, train_and_measure
from benchmarks.tables import leaderboard_table
from paddle_gan_aug import runtime
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import atomic_write, find_path, make_folder, project_root
from paddle_gan_aug.training.loop import Progress

LINES = "rows.jsonl"
BEGIN, END = "<!-- leaderboard -->\n", "<!-- end of leaderboard -->"


class _Reached(Exception):
    """The goal was reached, and the training has done its duty."""


class UntilGoal(MeasuredAt):
    """Ends the training at the first mark whose Fréchet distance is no larger than the row's goal."""

    def on_step(self, progress: Progress) -> None:
        super().on_step(progress)
        if self.rows and self.recipe["goal"] is not None and self.rows[-1]["frechet"] <= self.recipe["goal"]:
            raise _Reached


def leaderboard(
    recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, again: bool, docs: Optional[str], say: Say
) -> Tuple[Rows, str]:
    """`leaderboard`: train what has no line yet, and write the table.

    Args:
        recipes: as of `run_recipes`, each row with `data` (a name). The first line of a data set is trained to its end and sets the goal by
            the Fréchet distance that it has there; the others end where they reach it.
        again: train rows that have lines once more. docs: a Markdown file whose table between the marks is replaced.
    """
    path = make_folder(find_path(to)) / LINES
    for recipe, seed in [] if stored else _wanted(read_recipes(recipes), only, () if again else read_lines(path)):
        say(f"{recipe['name']}, seed {seed}")
        line = _train({**recipe, "goal": _goal(recipe, read_lines(path))}, seed, say)
        if line is None:
            break
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    rows = read_lines(path)
    table = leaderboard_table(rows)
    if docs:
        write_table(Path(docs), table)
    return rows, table


def _wanted(recipes: Rows, only: Optional[Sequence[str]], lines: Sequence[Row]) -> List[Tuple[Row, int]]:
    """The recipes and seeds to train: those of `only`, but none that has a line."""
    known = {(line["name"], line["seed"]) for line in lines}
    pairs = [(recipe, seed) for recipe in recipes for seed in recipe["seeds"] if only is None or recipe["name"] in only]
    return [(recipe, seed) for recipe, seed in pairs if (recipe["name"], seed) not in known]


def _goal(recipe: Row, lines: Rows) -> Optional[float]:
    """The goal of a recipe: that of the first line of its data; None if there is none."""
    return next((line["goal"] for line in lines if line["data"] == recipe["data"]), None)


def read_lines(path: Path) -> Rows:
    """The lines of a leaderboard, oldest first."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def write_table(docs: Path, table: str) -> None:
    """Put a table between the two marks of a Markdown file.

    Raises:
        InputError: the file cannot be read, or has no such marks; nothing is written.
    """
    try:
        text = docs.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {docs}: {getattr(error, 'strerror', None) or error}") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{docs} has no lines {BEGIN.strip()} and {END}: write them where the table belongs")
    with atomic_write(docs, "w") as file:
        file.write(f"{before}{BEGIN}{table}\n{END}{after}")


def _train(recipe: Row, seed: int, say: Say) -> Optional[Row]:
    marks: List[UntilGoal] = []

    def until_goal(row: Row, number: int, tell: Say) -> UntilGoal:
        marks.append(UntilGoal(row, number, tell))
        return marks[0]

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(_Reached):
        if train_and_measure(recipe, seed, Path(folder, "samples.png"), say, until_goal) is None:
            return None
    return _line(recipe, seed, marks[0])


def _line(recipe: Row, seed: int, measured: MeasuredAt) -> Row:
    last = measured.rows[-1] if measured.rows else {"frechet": float("inf")}
    goal = last["frechet"] if recipe["goal"] is None else recipe["goal"]
    reached = last["frechet"] <= goal
    return {
        **{key: recipe[key] for key in ("name", "data", "preset", "overrides")},
        "goal": goal,
        "seed": seed,
        "step": last["step"] if reached else None,
        "cpu_seconds": last["cpu_seconds"] if reached else None,
        "marks": [{key: mark[key] for key in ("step", "cpu_seconds", "frechet")} for mark in measured.rows],
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "machine": machine_name(),
        "paddle": runtime.import_paddle().__version__,
        **measured.provenance,
    }


def _commit() -> str:
    """The short hash of the commit that is checked out, "unknown" outside a repository."""
    command = ["git", "-C", str(project_root()), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine_name() -> str:
    """The CPU's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names: Dict[str, Any] = dict.fromkeys(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(iter(names), platform.machine())
