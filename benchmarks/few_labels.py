"""How well images are classified after learning from few labels, by the rows of a file: a row is trained once for each label seed.

Settings are chosen on validation images, with label seeds that no final row has. Test images are read for final rows alone.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path, make_folder, project_root, write_json
from paddle_gan_aug.runs.opened import open_run
from paddle_gan_aug.runs.places import is_run
from paddle_gan_aug.runs.reading import read_probabilities
from paddle_gan_aug.runs.run import train

ROW: Dict[str, Any] = {
    "data": "mnist",
    "labels": 100,
    "preset": "semi-supervised",
    "seeds": [1, 2, 3, 4, 5],
    "part": "test",
    "members": 1,
    "overrides": {},
}
EVERY = 500  # steps from one reading of the validation images to the next
MEMBERS_APART = 1000  # from the train.seed of one member to that of the next
Row = Dict[str, Any]


def few_labels(rows: str, to: str, only: Optional[Sequence[str]], seeds: Optional[Sequence[int]], say: Callable) -> Tuple[List[Row], str]:
    """`few-labels`: see `run_rows`."""
    found = run_rows(rows, to, only, seeds, say)
    return found, error_table(found)


def run_rows(
    rows: str,
    to: str,
    only: Optional[Sequence[str]] = None,
    seeds: Optional[Sequence[int]] = None,
    say: Callable[[str], Any] = print,
) -> List[Row]:
    """Train and read for every row and label seed that has no result yet.

    A label seed is `data.seed` and `train.seed`. The runs stay in `output/few-labels`; one that was interrupted goes on. A row with
    several members trains that many runs on the same labels, which differ in `train.seed`, and averages their probabilities.

    Args:
        rows: a YAML file: a list of dicts with a name and what differs from `ROW`. part: "valid" for any choice, "test" for final rows.
        to: the folder of results, `<name>-seed-<s>.json`.
        only: names of the rows to train; None = all, none in it = only those with a result are returned.
        seeds: the label seeds to train; None = all.

    Returns:
        All rows with a result.

    Raises:
        InputError: the file is not such a list, or has no row of a name in `only`.
    """
    listed, found = read_rows(rows), []
    unknown = [name for name in only or [] if name not in [row["name"] for row in listed]]
    if unknown:
        raise InputError(f"only {unknown[0]}: {rows} has no row of that name; it has {', '.join(row['name'] for row in listed)}")
    folder = make_folder(find_path(to))
    for row in listed:
        for seed in row["seeds"]:
            path = folder / (re.sub(r"\W+", "-", row["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or row["name"] in only) and (seeds is None or seed in seeds):
                say(f"{row['name']}, label seed {seed}")
                result = _measured(row, seed)
                if result is None:
                    return found
                write_json(path, result)
            if path.exists():
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def read_rows(path: Any) -> List[Row]:
    """The rows of a file, each with every key.

    Raises:
        InputError: the file is not a list of rows.
    """
    expected = f"{path}: expected a list of rows with the keys name, {', '.join(ROW)}"
    try:
        rows = [{**ROW, **row} for row in yaml.safe_load(find_path(path).read_text(encoding="utf-8"))]
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise InputError(f"{expected} ({error})") from None
    for row in rows:
        if set(row) != {*ROW, "name"} or row["part"] not in ("valid", "test"):
            raise InputError(f"{expected}; part is valid or test; one of the rows is {row}")
    return rows


def _measured(row: Row, seed: int) -> Optional[Row]:
    """A row's result for a label seed; None if it was interrupted."""
    spec, read, members = None, [], []
    for member in range(row["members"]):
        trained = _trained(row, seed, member)
        if trained is None:
            return None
        run, spent = trained
        spec = spec or DataSpec.of(run.config.data)
        read.append(read_probabilities(run, load(spec, row["part"]).images))
        members.append({**spent, "validation": _validation_errors(run.folder)})
    images = load(spec, row["part"])
    wrong = np.mean(read, axis=0).argmax(1) != images.labels
    return {
        **{key: row[key] for key in ("name", "data", "labels", "preset", "part", "overrides")},
        "seed": seed,
        "step": run.step,
        "error": float(wrong.mean()),
        "wrong": int(wrong.sum()),
        "count": len(images),
        "validation": members[0]["validation"],
        "member_errors": [float((each.argmax(1) != images.labels).mean()) for each in read],
        "resumed": any(member["resumed"] for member in members),  # the times below are then those of the last part
        **{key: round(sum(member[key] for member in members), 1) for key in ("seconds", "cpu_seconds")},
        "threads": runtime.cpu_threads(),
        "labelled": run.state["data"]["fingerprint"],
        "version": __version__,
        "paddle": runtime.import_paddle().__version__,
    }


def _trained(row: Row, seed: int, member: int) -> Optional[Tuple[Any, Dict[str, Any]]]:
    """(the run of a member, what it took); None if it was interrupted."""
    output = project_root() / "output" / "few-labels"
    name = re.sub(r"\W+", "-", f"{Path(row['data']).name}-{row['name']}-{seed}") + (f"-member-{member}" if member else "")
    few = {"data.source": row["data"], "data.labels": row["labels"], "data.seed": seed, "train.seed": seed + MEMBERS_APART * member}
    config = load_config(row["preset"], {**few, "eval.every_steps": EVERY, "log.visualdl": False, **row["overrides"]})
    resume = is_run(output / name)
    began, computed = time.perf_counter(), time.process_time()
    run = train(None if resume else config, run=name, output=output, log=output / "log", resume=resume)
    if run.interrupted:
        return None
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - computed, "resumed": resume}
    if run.config.classifier.patience:
        run = open_run(run.folder, checkpoint="best", device=run.config.runtime.device, threads=run.config.runtime.threads)
    return run, spent


def _validation_errors(folder: Path) -> List[List[float]]:
    """[[step, error], …] of a run's readings of the validation images."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [[row["step"], round(1 - row["eval/accuracy"], 6)] for row in rows if "eval/accuracy" in row]


def error_table(rows: List[Row]) -> str:
    """A line of Markdown a row: the errors of its label seeds in per cent, with mean and standard deviation over them."""
    lines = ["| row | labels | images | error, mean ± s.d. | of each label seed | steps | CPU minutes |", "|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = [row for row in rows if row["name"] == name]
        errors = [100 * row["error"] for row in mine]
        spread = f" ± {np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
        minutes = np.mean([row["cpu_seconds"] for row in mine]) / 60
        each = ", ".join(f"{row['seed']}: {error:.2f}" for row, error in zip(mine, errors))
        part = {"valid": "validation", "test": "test"}[mine[0]["part"]]
        lines.append(
            f"| {name} | {mine[0]['labels']} | {part} | {np.mean(errors):.2f} %{spread} | {each} | {mine[0]['step']} | {minutes:.1f} |"
        )
    return "\n".join(lines)
