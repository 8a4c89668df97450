"""How well images are read after learning from few labels, by the rows of a file: each row is trained for each of its label seeds, once.

Settings are chosen on validation images, with label seeds that no final row has; test images are read for final rows alone.
"""

import json
import re
import time
from pathlib import Path

import numpy as np
import yaml

from .. import __version__, runtime
from ..config import load_config
from ..data import Source, load
from ..errors import InputError
from ..files import find_path, make_folder, project_root, write_json
from ..training import open_run, train
from ..training.places import is_run
from ..training.reading import read_probabilities

ROW = {"data": "mnist", "labels": 100, "preset": "semi-supervised", "seeds": [1, 2, 3, 4, 5], "part": "eval", "overrides": {}}
EVERY = 500  # steps between two readings of the validation images


def run_rows(rows, to, only=None, say=print):
    """Train and read for every row and label seed that has no result yet.

    A label seed is `data.seed` and `train.seed`. The runs stay in `output/few-labels`; one that was interrupted goes on.

    Args:
        rows: a YAML file: a list of dicts with a name and what differs from `ROW`. part: "valid" for any choice, "eval" for final rows.
        to: the folder of results, `<name>-seed-<s>.json`. only: these rows alone.

    Returns:
        All rows with a result.

    Raises:
        InputError: the file is not such a list.
    """
    to, found = make_folder(find_path(to)), []
    for row in read_rows(rows):
        for seed in row["seeds"]:
            path = to / (re.sub(r"\W+", "-", row["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or row["name"] in only):
                say(f"{row['name']}, label seed {seed}")
                result = _measured(row, seed)
                if result is None:
                    return found
                write_json(path, result)
            if path.exists():
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def read_rows(path):
    """The rows of a file, each with every key."""
    try:
        rows = [{**ROW, **row} for row in yaml.safe_load(find_path(path).read_text(encoding="utf-8"))]
        assert all(set(row) == {*ROW, "name"} and row["part"] in ("valid", "eval") for row in rows)
    except (OSError, yaml.YAMLError, TypeError, AssertionError) as error:
        raise InputError(f"{path}: expected a list of rows with the keys name, {', '.join(ROW)} ({error})") from None
    return rows


def _measured(row, seed):
    """A row's result for a label seed; None where it was interrupted."""
    output = project_root() / "output" / "few-labels"
    name = re.sub(r"\W+", "-", f"{Path(row['data']).name}-{row['name']}-{seed}")
    few = {"data.source": row["data"], "data.labels": row["labels"], "data.seed": seed, "train.seed": seed}
    config = load_config(row["preset"], {**few, "eval.every_steps": EVERY, "log.visualdl": False, **row["overrides"]})
    resume = is_run(output / name)
    began, computed = time.perf_counter(), time.process_time()
    run = train(None if resume else config, run=name, output=output, log=output / "log", resume=resume)
    if run.interrupted:
        return None
    spent = {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(time.process_time() - computed, 1)}
    if run.config.classifier.patience:
        run = open_run(run.folder, "best", run.config.runtime.device, run.config.runtime.threads)
    images = load(Source.of(run.config.data), row["part"], split=run.config.data.split)
    wrong = read_probabilities(run, images.images).argmax(1) != images.labels
    return {
        **{key: row[key] for key in ("name", "data", "labels", "preset", "part", "overrides")},
        "seed": seed,
        "step": run.step,
        "error": float(wrong.mean()),
        "wrong": int(wrong.sum()),
        "count": len(images),
        "validation": _validation_errors(run.folder),
        "resumed": resume,  # the times below are then those of the last part
        **spent,
        "threads": runtime.cpu_threads(),
        "labelled": run.state["data"]["fingerprint"],
        "version": __version__,
        "paddle": runtime.import_paddle().__version__,
    }


def _validation_errors(folder):
    """[[step, error], …] of a run's readings of the validation images."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [[row["step"], round(1 - row["eval/accuracy"], 6)] for row in rows if "eval/accuracy" in row]


def error_table(rows):
    """A line of Markdown a row: the errors of its label seeds in per cent, with mean and standard deviation over them."""
    lines = ["| row | labels | images | error, mean ± s.d. | of each label seed | steps | CPU minutes |", "|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = [row for row in rows if row["name"] == name]
        errors = [100 * row["error"] for row in mine]
        spread = f" ± {np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
        minutes = np.mean([row["cpu_seconds"] for row in mine]) / 60
        each = ", ".join(f"{row['seed']}: {error:.2f}" for row, error in zip(mine, errors))
        part = {"valid": "validation", "eval": "test"}[mine[0]["part"]]
        lines.append(
            f"| {name} | {mine[0]['labels']} | {part} | {np.mean(errors):.2f} %{spread} | {each} | {mine[0]['step']} | {minutes:.1f} |"
        )
    return "\n".join(lines)
