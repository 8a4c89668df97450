"""What generated sets are worth, measured: how fast they are written, what augment makes of unequal classes, and how well a classifier
reads real test images that has learnt from them alone (classifier accuracy score, Ravuri & Vinyals 2019, arXiv:1905.10887).
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.classification.classify import classify
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import load
from paddle_gan_aug.data.written_set import DROPPED, MANIFEST
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path, make_folder, project_root, write_json
from paddle_gan_aug.pictures import save_png
from paddle_gan_aug.runs.places import is_run
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.synthesis.augment import augment_data
from paddle_gan_aug.synthesis.drawing import CHUNK
from paddle_gan_aug.synthesis.generate import generate
from paddle_gan_aug.synthesis.sampler import Samplers, open_runs
from paddle_gan_aug.synthesis.writers import PictureWriter

ROW = {
    "data": "mnist",
    "preset": None,
    "gan_seed": 0,
    "gan_overrides": {},
    "filters": "none",
    "every_steps": None,
    "teacher": None,
    "steps": 3000,
    "seeds": [0, 1, 2],
    "overrides": {},
}
PER_CLASS = 6000
READER_SEED = 1000  # of what filters or teaches; no judge has it


Row = Dict[str, Any]
Say = Callable[[str], None]


def generation(run: Optional[str], count: int) -> Tuple[Row, str]:
    """`generation`: see `writing_speed`."""
    runtime.start("cpu")
    result = writing_speed(run, count)
    text = (
        f"{result['images_per_second']:.0f} images/s: {result['count']} in {result['seconds']} s with {result['threads']} threads; alone: "
        f"networks {result['networks']} s, encoding and writing {result['encoding_and_writing']} s"
    )
    return result, text


def level(digits: Sequence[str], counts: Sequence[int], gan: Optional[str], say: Say) -> Tuple[Row, str]:
    """`imbalanced`: see the function of that name."""
    if len(digits) != len(counts):
        raise InputError(f"{len(digits)} --digits and {len(counts)} --counts; give one count for each digit")
    runtime.start("cpu")
    result = imbalanced(dict(zip(digits, counts)), gan, say=say)
    rows = [f"{name}: {real} real + {made} generated = {both}" for name, real, made, both in result["table"]]
    return result, "\n".join([*rows, f"in {result['seconds']} s with {result['threads']} threads"])


def cas(rows: str, to: str, only: Optional[Sequence[str]], say: Say) -> Tuple[List[Row], str]:
    """`cas`: see `run_scores`."""
    scores = run_scores(rows, to, only, say)
    return scores, score_table(scores)


def writing_speed(run: Any = None, count: int = 10_000) -> Row:
    """Seconds to generate `count` images and write them as PNG files with their manifest, and where they go.

    Args:
        run: a trained run; None = the classic transpose generator at full width, after one step.

    Returns:
        A dict: seconds, images_per_second, and the seconds of the networks alone and of encoding and writing alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if run is None:
            once = {"train.steps": 1, "generator.variant": "transpose", "log.visualdl": False}
            run = _folder_of(train("classic", run="r", output=folder, log=folder, overrides=once, quiet=True))
        sampler = next(iter(Samplers(open_runs(run))))
        sampler.sample(range(CHUNK), 0, stream="warm up")
        began = time.perf_counter()
        pieces = [sampler.sample(range(i, min(i + CHUNK, count)), 0) for i in range(0, count, CHUNK)]
        networks = time.perf_counter() - began
        (folder / "pictures").mkdir()
        began = time.perf_counter()
        with PictureWriter(folder / "pictures") as writer:
            for number, piece in enumerate(pieces):
                writer.write([f"{number * CHUNK + i:06d}.png" for i in range(len(piece))], piece)
        writing = time.perf_counter() - began
        began = time.perf_counter()
        generate(run, to=folder / "set", count=count, quiet=True)
        seconds = time.perf_counter() - began
    rounded = {"seconds": seconds, "images_per_second": count / seconds, "networks": networks, "encoding_and_writing": writing}
    return {"count": count, "threads": runtime.cpu_threads(), **{name: round(value, 2) for name, value in rounded.items()}}


def imbalanced(counts: Dict[str, int], preset: Optional[str] = None, seed: int = 0, say: Say = print) -> Row:
    """Level a folder of real MNIST digits with `augment`, as a user would, and count what comes out.

    Args:
        counts: {digit: training images in its folder}. preset: of the GAN, None = `augment`'s own.

    Returns:
        A dict: seconds, counts, table (class, real, generated, both), files ({class: PNG files in its folder}), in_manifest
        ({class: generated files that the manifest names}) and dropped (what dropped.json says; {} without filters).
    """
    with tempfile.TemporaryDirectory() as folder:
        data, to, runs = (Path(folder) / name for name in ("data", "augmented", "runs"))
        for digit, count in counts.items():
            (data / digit).mkdir(parents=True)
            for i, image in enumerate(load("mnist", "train", class_name=int(digit)).images[:count]):
                save_png(data / digit / f"{i:04d}.png", image.transpose(1, 2, 0))
        say(f"{data}: {counts}")
        began = time.perf_counter()
        made = augment_data(data, to=to, config=preset, output=runs, log=runs, seed=seed)
        seconds = time.perf_counter() - began
        rows = [json.loads(line) for line in (to / MANIFEST).read_text(encoding="utf-8").splitlines()]
        return {
            "seconds": round(seconds, 1),
            "threads": runtime.cpu_threads(),
            "counts": counts,
            "table": made.table,
            "files": {path.name: len(list(path.glob("*.png"))) for path in sorted((to / "train").iterdir())},
            "in_manifest": {digit: sum(row["class"] == digit for row in rows) for digit in counts},
            "dropped": json.loads((to / DROPPED).read_text(encoding="utf-8")) if (to / DROPPED).is_file() else {},
        }


# ---- the classifier accuracy score -------------------------------------------------------------------------------------


def run_scores(rows: str, to: str, only: Optional[Sequence[str]] = None, say: Say = print) -> List[Row]:
    """Train and test the classifier of every row and seed that has no result yet.

    A GAN and a filters' classifier are trained once for all rows that name the same; their runs stay in `output/cas`.

    Args:
        rows: a YAML file: a list of dicts with a name and what differs from `ROW`. preset: of the GAN, None = real images. filters:
            "default" or "none". every_steps: how often the images are made anew, None = once. teacher: the settings of a classifier
            of the same real images whose readings become the labels, None = the GAN's own labels. overrides: of the classifier.
        to: the folder of results, `<name>-seed-<s>.json`.

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
                say(f"{row['name']}, seed {seed}")
                result = _score(row, seed)
                if result is None:
                    return found
                write_json(path, result)
            if path.exists():
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def read_rows(path: str) -> List[Row]:
    """The rows of a file, each with every key."""
    try:
        rows = yaml.safe_load(find_path(path).read_text(encoding="utf-8"))
        known = [{**ROW, **row} for row in rows]
        assert all(set(row) == {*ROW, "name"} for row in known)
    except (OSError, yaml.YAMLError, TypeError, AssertionError) as error:
        raise InputError(f"{path}: expected a list of rows with the keys name, {', '.join(ROW)} ({error})") from None
    return known


def _score(row: Row, seed: int) -> Optional[Row]:
    output = project_root() / "output" / "cas"
    data = Path(row["data"]).name
    overrides = {"data.source": row["data"], "train.seed": seed, "train.steps": row["steps"], "train.epochs": None, **row["overrides"]}
    if row["preset"]:
        name = re.sub(r"\W+", "-", f"{data}-{row['preset']}-{row['gan_seed']}")
        gan = _trained(output, name, row["preset"], {"data.source": row["data"], "train.seed": row["gan_seed"], **row["gan_overrides"]})
        made = {"source": str(gan), "share": 1.0, "every_steps": row["every_steps"]}
        of_reader = {"data.source": row["data"], "train.seed": READER_SEED}
        if row["filters"] == "default":
            made["classifier"] = str(_trained(output, f"{data}-filter", "classifier", of_reader))
        if row["teacher"] is not None:
            made["teacher"] = str(_trained(output, f"{data}-teacher", "classifier", {**of_reader, "train.epochs": None, **row["teacher"]}))
        overrides = {"generated.per_class": PER_CLASS, **overrides, **{f"generated.{key}": value for key, value in made.items()}}

    name = re.sub(r"\W+", "-", f"{data}-{row['name']}-{seed}")
    began = time.perf_counter()
    config = load_config("classifier", {**overrides, "log.visualdl": False})
    resume = is_run(output / name)
    tested = classify(None if resume else config, run=name, output=output, log=output / "log", resume=resume)
    if tested.run.interrupted:
        return None
    report, accept = tested.report, {}
    if tested.generated is not None and tested.generated.filtered is not None:
        accept = {c: part["accept_rate"] for c, part in tested.generated.filtered["classes"].items()}
    return {
        **{key: row[key] for key in ("name", "data", "preset", "filters", "every_steps", "teacher", "steps")},
        "seed": seed,
        "accuracy": report["accuracy"],
        "recall": report["recall"],
        "accept_rates": accept,
        "seconds": round(time.perf_counter() - began, 1),
        "version": __version__,
        "paddle": runtime.import_paddle().__version__,
    }


def _trained(output: Path, name: str, preset: str, overrides: Dict[str, Any]) -> Path:
    """The folder of a run that is trained if it is not there, or not to its end."""
    config = None if is_run(output / name) else load_config(preset, {**overrides, "log.visualdl": False})
    return _folder_of(train(config, run=name, output=output, log=output / "log", resume=config is None))


def _folder_of(run: Any) -> Path:
    """The folder of a run that ended; an interruption goes on upwards."""
    if run.interrupted:
        raise KeyboardInterrupt(run.interrupted)
    return run.folder


def score_table(rows: List[Row]) -> str:
    """Accuracy on real test images, a line of Markdown a row: mean and range of its seeds, and the accept rates of its classes."""
    lines = [
        "| row | filters | renewed every | labels | steps | accuracy | lowest – highest | seeds | accepted, lowest class |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = [row for row in rows if row["name"] == name]
        found = [100 * row["accuracy"] for row in mine]
        rates = [rate for row in mine for rate in row["accept_rates"].values() if rate is not None]
        accepted = f"{min(rates):.3f}" if rates else "–"
        lines.append(
            f"| {name} | {mine[0]['filters'] if mine[0]['preset'] else '–'} | {mine[0]['every_steps'] or '–'} | "
            f"{'soft' if mine[0].get('teacher') is not None else 'hard'} | {mine[0]['steps']} | "
            f"{np.mean(found):.2f} % | {min(found):.2f} – {max(found):.2f} | {len(found)} | {accepted} |"
        )
    return "\n".join(lines)
