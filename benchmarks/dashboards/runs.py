"""Three short runs to learn from what a dashboard looks like: a healthy one, a collapsed one, and one whose D has won."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import yaml

from benchmarks.dashboards.browser import lacking, run_program, served
from benchmarks.readings import provenance, readings, reference_for
from paddle_gan_aug import __version__
from paddle_gan_aug.classification.classify import classify
from paddle_gan_aug.data import DataSpec
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import find_path, make_folder, write_json
from paddle_gan_aug.runs.run import train

COUNT = 2000  # samples that are read
LAST = 20  # logged steps over which losses and scores are averaged
PICTURE = "dashboard-{}.png"
SHOWN_WHOLE, READER = "healthy", "reader"  # the run whose pages are shown whole, and the classifier
WHOLE = {"scalars": "dashboard.png", "graph": PICTURE.format("graph"), "points": PICTURE.format("points")}
MISSING = 0.01  # a class with less than this share of the samples is missing
Row = Dict[str, Any]
CHECKS: Dict[str, Callable[[Row], Dict[str, bool]]] = {  # {what a run is called: its figures -> {what must hold: whether it does}}
    "healthy": lambda row: {
        "no alarm": not row["alarms"],
        "every class": not row["missing"],
        "D(x) and D(G(z)) between .4 and .6": all(0.4 < row[name] < 0.6 for name in ("d_real", "d_fake")),
    },
    "collapsed": lambda row: {
        "an alarm of repeated images": any("repeated images" in alarm for alarm in row["alarms"]),
        "four missing classes or more": len(row["missing"]) >= 4,
        "half of the diversity of real images or less": row["diversity"] <= 0.5,
        "losses below 1": all(row[name] < 1 for name in ("d_real_loss", "d_fake_loss", "g_loss")),
    },
    "d-won": lambda row: {
        "an alarm that D has won": any("D has won" in alarm for alarm in row["alarms"]),
        "D(x) above .98": row["d_real"] > 0.98,
        "D(G(z)) below .02": row["d_fake"] < 0.02,
        "no sample that is read with confidence": row["confident"] < 0.02,
    },
}


def picture_runs(rows: str, to: str, pictures: str, say: Callable[[str], None]) -> Tuple[Row, str]:
    """Train the rows, check that each is what it is called, and take the pictures of docs/dashboards.md.

    Args:
        rows: a YAML file, a list of {name, preset, steps, overrides, expect}. to: the folder of the figures, `runs.json`.
        pictures: the folder of the pictures. say: prints a line.

    Raises:
        InputError: the rows cannot be read, or there is no browser. RunFailed: a run is not what it is called.
    """
    listed = read_rows(rows)
    if lacking():
        raise InputError(lacking())
    with tempfile.TemporaryDirectory() as folder:
        found = [train_and_check(row, Path(folder), say) for row in listed]
        logs = {row["name"]: Path(folder, row["name"], "log") for row in listed}
        logs[READER] = train_reader(Path(folder))
        say("taking pictures")
        taken = take_pictures(logs, make_folder(find_path(pictures)))
    result = {"runs": found, "pictures": taken, "version": __version__}
    write_json(make_folder(find_path(to)) / "runs.json", result)
    return result, runs_table(found)


def read_rows(path: Any) -> List[Row]:
    """The rows of a file.

    Raises:
        InputError: it cannot be read, or a row lacks something or expects what is not in `CHECKS`.
    """
    path = find_path(path)
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = [{name: row[name] for name in ("name", "preset", "steps", "overrides", "expect")} for row in rows]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise InputError(f"{path}: expected a list of rows with name, preset, steps, overrides and expect: {error}") from None
    for row in rows:
        if row["expect"] not in CHECKS:
            raise InputError(f"{path}, {row['name']}: expect is one of {', '.join(CHECKS)}, not {row['expect']}")
    return rows


def train_and_check(row: Row, folder: Path, say: Callable[[str], None]) -> Row:
    """Train a row below `folder`, and return its figures.

    Raises:
        RunFailed: it is not what it is called.
    """
    say(f"training {row['name']} for {row['steps']} steps")
    place = folder / row["name"]
    overrides = {**row["overrides"], "train.steps": row["steps"]}
    run = train(row["preset"], run=row["name"], output=place / "output", log=place / "log", overrides=overrides, quiet=True)
    if run.interrupted:
        raise KeyboardInterrupt
    reference = reference_for(DataSpec.of(run.config.data))
    found = figures(run.metrics(), readings(run.algorithm, reference, COUNT, run.config.train.seed))
    held = CHECKS[row["expect"]](found)
    say(f"{row['name']}: {found}")
    if not all(held.values()):
        broken = "; ".join(name for name, holds in held.items() if not holds)
        raise RunFailed(f"{row['name']} is not {row['expect']}, as its row says: {broken} does not hold")
    return {**row, **found, "checks": list(held), **provenance(reference)}


def figures(metrics: List[Row], read: Row) -> Row:
    """What the tables of docs/dashboards.md say of a run, from its metrics.jsonl and from what is read in its samples."""
    health = next(line for line in reversed(metrics) if "health/diversity" in line)
    averaged = ("d_real", "d_fake", "d_real_loss", "d_fake_loss", "g_loss")
    last = {name: float(np.mean([line[name] for line in metrics[-LAST:]])) for name in averaged}
    alarmed = [line for line in metrics if "alarm" in line]
    return {
        **{name: float(f"{value:.3g}") for name, value in last.items()},
        **{name: round(health[name], 4) for name in ("health/diversity", "health/repeats", "health/contrast")},
        "alarm_steps": [line["step"] for line in alarmed],
        "alarms": alarmed[-1]["alarm"] if alarmed else [],
        **{name: read[name] for name in ("count", "classes", "diversity", "confident")},
        "missing": [name for name, share in read["classes"].items() if share < MISSING],
    }


def runs_table(rows: List[Row]) -> str:
    """The rows as columns of a Markdown table."""
    lines: List[Tuple[str, Callable[[Row], str]]] = [
        ("D(x), D(G(z))", lambda row: f"{row['d_real']:.2g}, {row['d_fake']:.2g}"),
        ("losses of D on real and on generated images", lambda row: f"{row['d_real_loss']:.2g}, {row['d_fake_loss']:.2g}"),
        ("loss of G", lambda row: f"{row['g_loss']:.2g}"),
        ("`health/diversity`", lambda row: f"{row['health/diversity']:.1f}"),
        ("`health/repeats`", lambda row: f"{row['health/repeats']:.2f}"),
        ("classes with fewer than 1 % of the samples", lambda row: ", ".join(row["missing"]) or "none"),
        ("alarms at steps", lambda row: ", ".join(map(str, row["alarm_steps"])) or "none"),
    ]
    head = ["| |" + "|".join(f" {row['name']} " for row in rows) + "|", "|---" * (len(rows) + 1) + "|"]
    return "\n".join(head + [f"| {name} | " + " | ".join(of(row) for row in rows) + " |" for name, of in lines])


def take_pictures(logs: Dict[str, Path], folder: Path) -> List[str]:
    """Take the pictures of docs/dashboards.md from the log folders of the runs; returns the names of the files."""
    taken = []
    for name, log in logs.items():
        wanted = {"pr-curve": PICTURE.format("pr-curve")} if name == READER else {"cards": PICTURE.format(name)}
        wanted.update(WHOLE if name == SHOWN_WHOLE else {})
        with served(log) as address:
            taken += run_program("take_pictures.py", address, *(f"{kind}={folder / file}" for kind, file in wanted.items()))
    return taken


def train_reader(folder: Path) -> Path:
    """Train and test a classifier on few images, for the picture of its curves; returns its log folder."""
    options = {"data.per_class": 10, "train.steps": 12, "train.batch_size": 16, "log.every_steps": 1}
    classify(run=READER, output=folder / READER / "output", log=folder / READER / "log", overrides=options, quiet=True)
    return folder / READER / "log"
