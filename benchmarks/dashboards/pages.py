"""How long the pages of a dashboard take when ten runs have two thousand logged steps each."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from benchmarks.dashboards.browser import page_seconds, served
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import Config, hyperparameters, load_config
from paddle_gan_aug.data import DataSpec, LabelledImages, load
from paddle_gan_aug.files import find_path, folder_size, make_folder, write_json
from paddle_gan_aug.pictures import grid
from paddle_gan_aug.records.run_records import Records
from paddle_gan_aug.training.inspection import NetworkGraphs

RUNS, LOGGED = 10, 2000
BAR = 2.0  # seconds
POINTS = 500  # real and generated images each, and so many features of each, as `eval.every_steps` writes
FEATURES = 64
CURVES = 10  # classes of a tested classifier


def time_pages(to: str, say: Callable[[str], None], runs: int = RUNS, logged: int = LOGGED) -> Tuple[Dict[str, Any], str]:
    """Write the logs, serve them, open every page in Chromium, twice, and store the seconds.

    Args:
        to: the folder of the result, `pages.json`. say: prints a line. runs: how many logs there are. logged: logged steps of each.

    Returns:
        ({"pages": {page: {"first", "again"}}, "start", ...}, the same as a table): seconds until a page shows data, the first time and
        the second time since the dashboard began, and seconds until the dashboard answers.
    """
    folder = Path(tempfile.mkdtemp(prefix="dashboards-"))
    try:
        say(f"writing {runs} logs of {logged} logged steps")
        began = time.perf_counter()
        write_logs(folder / "log", runs, logged)
        written = time.perf_counter() - began
        began = time.perf_counter()
        with served(folder / "log") as address:
            started = time.perf_counter() - began
            size = folder_size(folder / "log") / 1e6
            say(f"{size:.0f} MB of logs, written in {written:.0f} s; the dashboard answers after {started:.1f} s")
            first, again = (page_seconds(address) for _ in range(2))
        result = {
            "runs": runs,
            "logged_steps": logged,
            "values": "synthetic",
            "log_mb": round(size, 1),
            "start": round(started, 2),
            "pages": {page: {"first": first[page], "again": again[page]} for page in first},
            "bar": BAR,
            "machine": platform.machine(),
            "version": __version__,
        }
    finally:
        shutil.rmtree(folder)
    write_json(make_folder(find_path(to)) / "pages.json", result)
    return result, pages_table(result)


def pages_table(result: Dict[str, Any]) -> str:
    """A line of Markdown for each page."""
    lines = ["| Page | first time (s) | again (s) |", "|---|---|---|"]
    return "\n".join(lines + [f"| {page} | {row['first']:.1f} | {row['again']:.1f} |" for page, row in result["pages"].items()])


def write_logs(folder: Path, runs: int, logged: int) -> None:
    """Write the logs of `runs` trainings with `classic` and its default intervals, in which the losses are logged `logged` times.

    The names, the intervals, the pictures (real digits) and the code that writes are those of a run; the numbers are drawn.
    """
    config = load_config("classic")
    runtime.start("cpu", 1)
    digits = load(DataSpec("mnist"), "valid")
    algorithm = build(config, digits.shape, digits.class_names, digits.counts())
    parameters = {f"{network}/{name}": value for network, layer in algorithm.networks.items() for name, value in layer.named_parameters()}
    weights = [name for name, value in parameters.items() if value.size > 1]
    for index in range(runs):
        config.train.seed = index
        rng = runtime.rng(index, "synthetic log")
        with Records(folder.parent / "runs" / f"run-{index}", folder, f"run-{index}") as records:
            records.hyperparameters(hyperparameters(config), list(algorithm.losses))
            NetworkGraphs(records, digits.shape).on_begin(SimpleNamespace(algorithm=algorithm))
            for number in range(1, logged + 1):
                _write_step(records, config, number * config.log.every_steps, rng, weights, digits)
            _write_end(records, logged * config.log.every_steps, rng)


def _write_step(records: Records, config: Config, step: int, rng: np.random.Generator, weights: List[str], digits: LabelledImages) -> None:
    names = ("d_real_loss", "d_fake_loss", "g_loss", "d_real", "d_fake", "images_per_second")
    values = dict(zip(names, (0.69 + 0.3 * np.sin(step / 3000) + 0.05 * rng.standard_normal(len(names))).tolist()))
    if step % config.health.every_steps == 0:
        watched = ("contrast", "bright", "dark", "roughness", "diversity", "repeats", "commonest")
        values.update({f"health/{name}": value for name, value in zip(watched, rng.random(7).tolist())})
        values.update(zip(("d_gradient", "g_gradient"), rng.random(2).tolist()))
    records.scalars(step, values, epoch=1 + step // 781)
    if step % config.log.grid_every_steps == 0:
        chosen = rng.integers(len(digits), size=config.log.grid_images)
        records.image(step, grid(digits.images[chosen], 16))
    if step % config.log.histograms_every_steps == 0:
        for name in ("D scores/real", "D scores/generated", *(f"{kind} {name}" for name in weights for kind in ("weights", "gradients"))):
            records.histogram(step, name, rng.standard_normal(256) + step / 1e4)


def _write_end(records: Records, step: int, rng: np.random.Generator) -> None:
    """What a run that measures itself, and a tested classifier, write at the end."""
    origins, read = ["real"] * POINTS + ["generated"] * POINTS, rng.integers(CURVES, size=2 * POINTS)
    labels = {"origin": origins, "class": [f"{one} ({origin})" for one, origin in zip(read, origins)], "read as": read}
    records.embedding("features", rng.standard_normal((2 * POINTS, FEATURES)), labels)
    for label in range(CURVES):
        records.curves(step, f"class {label}", rng.random(1000) < 0.1, rng.random(1000))
    records.text(step, "health", f"step {step}: a synthetic log")
    records.hyperparameter_results(dict(zip(("d_real_loss", "d_fake_loss", "g_loss"), rng.random(3).tolist())), step)
