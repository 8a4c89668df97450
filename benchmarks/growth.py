"""What large data costs: time and memory of reading, of training steps, of drawing and of measuring, at growing numbers of images.

Images are MNIST's, moved by some pixels so that they differ. A row is a process of its own, since the most memory that a process has held
cannot be forgotten. CPU time, and anonymous memory: pages of files that are mapped can be dropped at any time and do not count.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import CACHE_VARIABLE, find_path, make_folder, project_root, write_json

STEPS = 20
TRIED = 5000  # candidates that filters judge
AT_ONCE = 10_000  # images that are made together
MOST = 7_000_000  # images that are made before any comes again
COMPRESSED = "npz-compressed"
CLASSES = {"npz": 10, "npz-100-classes": 100, "npz-1000-classes": 1000}
Row = Dict[str, Any]


def growth(
    sizes: Sequence[int], only: Optional[Sequence[str]], to: str, stored: bool, scratch: str, say: Callable[[str], None]
) -> Tuple[List[Row], str]:
    """`growth`: measure every row that is not stored; returns the rows and their table.

    Args:
        sizes: numbers of images. only: names of `WORK`; None = all. to: the folder of the results, <name>-<size>.json each.
        stored: measure nothing. scratch: the folder of data and sets, which is removed in the end.

    Raises:
        InputError: `only` names nothing that is measured.
    """
    for name in only or []:
        if name not in WORK:
            raise InputError(f"only {name}: there is none of that name; choose among {', '.join(WORK)}")
    folder, place, rows = make_folder(find_path(to)), find_path(scratch), []
    for size in sizes:
        for name in WORK:
            path = folder / f"{name}-{size}.json"
            if (only is None or name in only) and not stored and not path.exists():
                say(path.stem)
                write_json(path, _in_a_process(name, size, place))
            if path.exists():
                rows.append(json.loads(path.read_text()))
        shutil.rmtree(place, ignore_errors=True)
    return rows, growth_table(rows)


def _in_a_process(name: str, size: int, place: Path) -> Row:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", CACHE_VARIABLE: str(place / "cache")}
    command = [sys.executable, "-m", "benchmarks.growth", name, str(size), str(place)]
    PREPARE.get(name, lambda size, place: None)(size, make_folder(place))
    done = subprocess.run(command, cwd=project_root(), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RunFailed(f"{' '.join(command[1:])} failed: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout.splitlines()[-1])


def growth_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| | images | CPU seconds | images a CPU second | peak anonymous MB |", "|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (list(WORK).index(row["name"]), row["size"])):
        speed = round(row["images"] / row["cpu_seconds"])
        lines.append(f"| {row['name']} | {row['size']:,} | {row['cpu_seconds']} | {speed:,} | {row['peak_anonymous_mb']} |")
    return "\n".join(lines)


# ---- the data, made before a row is measured ------------------------------------------------------------------------------


def _digits(size: int, first: int = 0) -> Any:
    """MNIST digits number `first` to `first` + `size` - 1 of an endless row, each round moved by another number of pixels."""
    import numpy as np

    from paddle_gan_aug.data import cache, load

    real = load("mnist", "train")
    images, labels = cache.empty((size, *real.shape), np.uint8), np.empty(size, np.int64)
    for start in range(0, size, AT_ONCE):
        numbers = np.arange(first + start, first + min(size, start + AT_ONCE))
        part, rounds = real.images[numbers % len(real)], numbers // len(real)
        for number in np.unique(rounds):
            part[rounds == number] = np.roll(part[rounds == number], (number % 7 - 3, number // 7 % 7 - 3), axis=(2, 3))
        images[start : start + len(part)], labels[start : start + len(part)] = part, real.labels[numbers % len(real)]
    return images, labels


def _npz(name: str, first: int = 0) -> Callable[[int, Path], None]:
    def made(size: int, place: Path) -> None:
        import numpy as np

        path = place / f"{name}.npz"
        if not path.exists():
            images, labels = _digits(size, first)
            count = CLASSES.get(name, 10)
            labels = labels if count == 10 else np.arange(size) % count
            (np.savez_compressed if name == COMPRESSED else np.savez)(path, images=images, labels=labels)

    return made


def _both(size: int, place: Path) -> None:
    """Real images and others, which stand for generated ones."""
    _npz("npz")(size, place)
    _npz("others", MOST)(size, place)


def _pictures(size: int, place: Path) -> None:
    from paddle_gan_aug.synthesis.writers import png_bytes

    folder = place / "folder"
    if folder.exists():
        return
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    for first in range(0, size, 10_000):
        images, labels = _digits(min(10_000, size - first), first)
        for number, (image, label) in enumerate(zip(images, labels), first):
            (folder / str(label) / f"{number:07d}.png").write_bytes(png_bytes(image))


def _list(size: int, place: Path) -> None:
    """A list of pictures that are not there, since none is opened."""
    with open(place / "list.txt", "w") as file:
        file.writelines(f"pictures/{number % 10}/{number:07d}.png class {number % 10}\n" for number in range(size))


PREPARE: Dict[str, Callable[[int, Path], None]] = {
    "folder": _pictures,
    "folder-again": _pictures,
    "list": _list,
    **{name: _npz(name) for name in CLASSES},
    COMPRESSED: _npz(COMPRESSED),
    "train": _npz("npz"),
    "generate-filtered": _npz("npz"),
    "evaluate": _both,
}


# ---- what is measured -----------------------------------------------------------------------------------------------------


def _read(name: str) -> Callable[[int, Path], int]:
    def read(size: int, place: Path) -> int:
        from paddle_gan_aug.data import load

        return len(load(str(place / name), "train"))

    return read


def _read_list(size: int, place: Path) -> int:
    from paddle_gan_aug.data.list_files import list_file

    return len(list_file(place / "list.txt").files)


def _options(place: Path, name: str) -> Dict[str, Any]:
    return {"run": name, "output": place / "output", "log": place / "log", "quiet": True}


def _train(size: int, place: Path) -> int:
    import paddle_gan_aug

    overrides = {"data.source": str(place / "npz.npz"), "train.steps": STEPS, "log.visualdl": False, "runtime.threads": 1}
    paddle_gan_aug.train("projection", overrides=overrides, **_options(place, "grown"))
    return STEPS * 64


def _generate(size: int, place: Path) -> int:
    import paddle_gan_aug
    from paddle_gan_aug.synthesis.generate import generate

    overrides = {"data.source": "mnist", "train.steps": 2, "log.visualdl": False, "runtime.threads": 1}
    run = paddle_gan_aug.train("projection", overrides=overrides, **_options(place, "drawn"))
    return generate(run, to=place / "set", per_class=size // 10, quiet=True).count


def _generate_filtered(size: int, place: Path) -> int:
    """Draw `TRIED` candidates of an untrained GAN, which the filters judge by `size` real images; returns how many were judged."""
    import paddle_gan_aug
    from paddle_gan_aug.data.written_set import DROPPED
    from paddle_gan_aug.synthesis.filters import Filters
    from paddle_gan_aug.synthesis.generate import QuotaNotMet, generate

    few = {"data.source": str(place / "npz.npz"), "train.steps": 2, "log.visualdl": False, "runtime.threads": 1}
    run = paddle_gan_aug.train("projection", overrides=few, **_options(place, "filtered"))
    reader = paddle_gan_aug.train("classifier", overrides={**few, "train.epochs": None}, **_options(place, "reader"))
    filters = Filters(names="default", classifier=reader.folder, attempts=10)
    with contextlib.suppress(QuotaNotMet):
        generate(run, to=place / "filtered", per_class=TRIED // 100, filters=filters, quiet=True)
    return json.loads((place / "filtered" / DROPPED).read_text())["tried"]


def _evaluate(size: int, place: Path) -> int:
    """Measure `size` images beside as many real ones with every metric, in the features of MNIST's network."""
    from paddle_gan_aug.data import DataSpec, read_images
    from paddle_gan_aug.evaluation.feature_network import feature_network
    from paddle_gan_aug.evaluation.measure import evaluate_images

    images, labels, _ = read_images(place / "others.npz")
    real = DataSpec(str(place / "npz.npz"))
    return evaluate_images(images, real=real, part="valid", labels=labels, network=feature_network("mnist", quiet=True))["count"]


WORK: Dict[str, Callable[[int, Path], int]] = {
    "folder": _read("folder"),
    "folder-again": _read("folder"),
    "list": _read_list,
    **{name: _read(f"{name}.npz") for name in (*CLASSES, COMPRESSED)},
    "train": _train,
    "generate": _generate,
    "generate-filtered": _generate_filtered,
    "evaluate": _evaluate,
}


class _Watch(threading.Thread):
    """Looks ten times a second for the anonymous memory of this process (RssAnon), in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.ended = 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            status = Path("/proc/self/status").read_text()
            held = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
            self.peak = max(self.peak, held // 1024)


def measured(name: str, size: int, place: Path) -> Row:
    """One row, of this process."""
    process = runtime.start("cpu", 1)
    watch = _Watch()
    watch.start()
    began, wall = time.process_time(), time.perf_counter()
    images = WORK[name](size, place)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    watch.ended.set()
    return {
        "name": name,
        "size": size,
        "images": images,
        "cpu_seconds": round(seconds, 2),
        "wall_seconds_of_a_loaded_machine": round(wall, 2),
        "peak_anonymous_mb": watch.peak,
        "date": date.today().isoformat(),
        "version": __version__,
        "process": vars(process),
    }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
