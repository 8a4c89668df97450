"""The commands of the README and of docs/, and the notebooks, at their full size: what a reader who types them gets, and how long it takes.

Each page has a folder of its own below output/guide, in which the project's files are links and the pictures are digits of the MNIST
that ships; its commands run there one after the other, as they stand on the page.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from benchmarks.documents import ROOT, command_lines
from benchmarks.tables import Row, guide_table
from paddle_gan_aug.files import make_folder, write_json

Say = Callable[[str], None]
OF_MEASUREMENTS = ("results", "speed", "log", "README")  # pages of docs/ whose commands are measurements, or are this one
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.stem not in OF_MEASUREMENTS)]
NOTEBOOKS = sorted((ROOT / "work").glob("*.ipynb"))
LINKED = ("paddle_gan_aug", "benchmarks", "train.py", "docs", "requirements.txt", "requirements-cpu.txt")
LEFT_OUT = (  # how a command begins, or what is in it -> why it is not run
    (r"^pip ", "installs packages"),
    (r"^python -m benchmarks", "a measurement with rows of its own"),
    (r"^python -m paddle_gan_aug dashboard", "serves until it is stopped"),
    (r"^python -m paddle_gan_aug cache --clear", "deletes what other commands keep"),
    (r"command -v", "needs the program to be installed"),
    (r"--nnodes", "needs several machines"),
    (r"--format onnx", "needs packages that are not required"),
    (r"^(?!python )", "no command of this program"),
)
BEGUN = ".begun"  # in a page's folder while a command runs
PICTURES, MORE = 20, 2000  # of each digit in my-images; without labels in more-images
RUN_NOTEBOOK = (
    "import nbformat, sys; from nbclient import NotebookClient; "
    "NotebookClient(nbformat.read(sys.argv[1], 4), timeout=None, kernel_name='python3', resources={'metadata': {'path': 'work'}}).execute()"
)


class Step(NamedTuple):
    """A command of a page, or a notebook.

    Attributes:
        page: the name of the page, such as README or training. command: as it stands there. left_out: why it is not run, or "".
    """

    page: str
    command: str
    left_out: str = ""

    @property
    def name(self) -> str:
        """The name of the row's file, without its ending."""
        words = re.sub(r"[^\w]+", "-", re.sub(r"^python (-m paddle_gan_aug )?", "", self.command)).strip("-")
        return f"{self.page}-{words[:50].strip('-')}-{hashlib.sha256(self.command.encode()).hexdigest()[:6]}"


def steps() -> Iterator[Step]:
    """All commands, page by page in their order, and the notebooks."""
    for page in PAGES:
        for command in dict.fromkeys(command_lines(page)):
            yield Step(page.stem, command, next((why for pattern, why in LEFT_OUT if re.search(pattern, command)), ""))
    for notebook in NOTEBOOKS:
        yield Step("notebooks", f"jupyter execute work/{notebook.name}")


def guide(
    to: str,
    folder: str,
    only: Optional[Sequence[str]] = None,
    stored: bool = False,
    say: Say = print,
) -> Tuple[List[Row], str]:
    """`guide`: run what has no row yet, each row stored as its command ends; returns (rows, table).

    Args:
        to: the folder of the rows. folder: that of the pages' folders. only: words, one of which is a page's name or is in the command.
        stored: run nothing.
    """
    rows: Dict[str, Row] = {}
    chosen = [step for step in steps() if not only or any(word == step.page or word in step.command for word in only)]
    for page in dict.fromkeys(step.page for step in chosen):
        of_page = [step for step in chosen if step.page == page]
        todo = [] if stored else _missing(of_page, Path(to), Path(folder) / page)
        for step in of_page:
            if step in todo:
                write_json(make_folder(to) / f"{step.name}.json", _ran(step, Path(folder) / page, say))
                (Path(folder) / page / BEGUN).unlink()
            if (Path(to) / f"{step.name}.json").exists():
                rows[step.name] = json.loads((Path(to) / f"{step.name}.json").read_text(encoding="utf-8"))
    left_out = [(step.command, step.left_out) for step in chosen if step.left_out]
    return list(rows.values()), guide_table(list(rows.values()), left_out)


def _missing(of_page: List[Step], to: Path, folder: Path) -> List[Step]:
    """The steps to run, in a folder that is prepared for them.

    Later commands use what earlier ones wrote: where the folder is gone, or a command was stopped in it, the page begins anew.
    """
    run = [step for step in of_page if not step.left_out]
    missing = [step for step in run if not (to / f"{step.name}.json").exists()]
    if not missing:
        return []
    if (folder / BEGUN).exists():
        shutil.rmtree(folder)
    if folder.exists():
        return missing
    prepare(folder)
    return run


def prepare(folder: Path) -> None:
    """Make the folder of a page: links to the project's files, and pictures under the names that the pages use."""
    (folder / "work").mkdir(parents=True)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    for path in sorted((ROOT / "work").iterdir()):
        (folder / "work" / path.name).symlink_to(path)
    from paddle_gan_aug.data import load

    for part, place in (("train", "my-images"), ("test", "my-test-images")):
        images = load("mnist", part)
        for digit, name in enumerate(images.class_names):
            _write(images.of_class(digit).images[:PICTURES], folder / place / name)
    images = load("mnist", "train").images
    _write(images[-MORE:], folder / "more-images")
    _write(images[:10], folder / "my-pictures")
    Image.fromarray(images[0, 0]).save(folder / "picture.png")


def _write(images: np.ndarray, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image[0]).save(folder / f"{number}.png")


def _ran(step: Step, folder: Path, say: Say) -> Row:
    """Run a command in the folder of its page; returns its row."""
    say(f"{step.page}: {step.command}")
    (folder / BEGUN).write_text(step.command, encoding="utf-8")
    began = time.perf_counter()
    with open(folder / "last-output.txt", "w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(_arguments(step, folder), cwd=folder, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)  # with the CPU time of the processes that it has waited for
        process.returncode = code = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        said = [line.strip() for line in output if line.strip()]
    row = {"page": step.page, "command": step.command, "exit_code": code, "seconds": round(seconds, 1)}
    row["cpu_seconds"] = round(used.ru_utime + used.ru_stime, 1)
    row.update(_machine())
    if code:
        row["said"] = said[-1].replace(str(folder.resolve()), ".") if said else ""
    say(f"  exit code {code}, {row['seconds']} s")
    return row


def _arguments(step: Step, folder: Path) -> List[str]:
    """What a shell would run, with this Python, and with the newest run of the folder for a run that a page leaves open."""
    if step.page == "notebooks":
        return [sys.executable, "-c", RUN_NOTEBOOK, step.command.split()[-1]]
    runs = sorted((folder / "output").glob("*/config.yaml"), key=lambda path: path.stat().st_mtime)
    newest = runs[-1].parent.name if runs else "RUN"
    command = re.sub(r"output/(RUN|my-run)\b", f"output/{newest}", step.command)
    return ["bash", "-c", re.sub(r"^python\b", sys.executable, command)]


def _machine() -> Dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    from benchmarks.leaderboard import machine_name

    found = {}
    for name in ("paddlepaddle", "paddlepaddle-gpu"):
        try:
            found["paddle"] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, "cores": len(os.sched_getaffinity(0)), "machine": machine_name()}
