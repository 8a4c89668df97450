"""Every test runs with the settings that a run has, in a project folder of its own when it writes runs."""

import importlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paddle_gan_aug import runtime

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def process():
    """Paddle, started on the CPU with the project's settings."""
    return runtime.start("cpu")


def _module_of(arguments):
    """(module that `python -m` runs, its arguments)."""
    return ("benchmarks", arguments[1:]) if arguments[:1] == ["benchmarks"] else ("paddle_gan_aug", arguments)


class CommandLine:
    """The real command line in a process of its own, with runs and records under a temporary folder."""

    def __init__(self, folder):
        self.folder, self.output, self.log = folder, folder / "output", folder / "log"

    def __call__(self, *arguments, code=0, cwd=ROOT, timeout=300):
        """Run `python -m paddle_gan_aug ARGUMENTS`; train, classify and augment write below the temporary folder.

        `cli("benchmarks", …)` is `python -m benchmarks …`.
        """
        arguments = [str(a) for a in arguments]
        if arguments and arguments[0] in ("train", "classify", "augment"):
            for flag, folder in (("--output", self.output), ("--log", self.log)):
                if flag not in arguments:
                    arguments += [flag, str(folder)]
        done = self.run(arguments, cwd, timeout)
        assert done.returncode == code, f"exit code {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        return done

    def run(self, arguments, cwd, timeout):
        """The ended process."""
        module, arguments = _module_of(arguments)
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


class InThisProcess(CommandLine):
    """As `CommandLine`, without a process of its own: for commands that write little, and for those that refuse."""

    def __init__(self, folder, capsys):
        super().__init__(folder)
        self.capsys = capsys

    def run(self, arguments, cwd, timeout):
        module, arguments = _module_of(arguments)
        main = importlib.import_module("benchmarks.__main__" if module == "benchmarks" else "paddle_gan_aug.cli.main").main
        self.capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        out, err = self.capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)


@pytest.fixture
def here(tmp_path, capsys, process):
    previous = signal.getsignal(signal.SIGTERM)
    yield InThisProcess(tmp_path, capsys)
    signal.signal(signal.SIGTERM, previous)


SMALL = [  # networks and intervals that take seconds
    "--batch-size=50",
    "-o",
    "generator.width=0.05",
    "discriminator.width=0.05",
    "log.every_steps=2",
    "log.grid_every_steps=4",
    "log.grid_images=32",
    "checkpoint.every_steps=4",
]


@pytest.fixture
def small():
    """The arguments of a training that takes seconds."""
    return list(SMALL)


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory):
    """A folder of IDX files with the first 600 training and 100 test images of the real MNIST."""
    from paddle_gan_aug.data import load
    from paddle_gan_aug.data.idx import write_idx

    folder = tmp_path_factory.mktemp("data") / "small-mnist"
    folder.mkdir()
    for prefix, mode, count in (("train", "train", 600), ("t10k", "test", 100)):
        part = load("mnist", mode).subset(range(count))
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", part.images[:, 0])
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", part.labels.astype("uint8"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "generator.init_std": 0.3, "train.batch_size": 20, "log.visualdl": False}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, small_mnist, process):
    """Runs that take a second, {name: folder}: "conditional", "5", "6", "digits" (the folder of those two) and "classifier"."""
    import paddle_gan_aug

    folder = tmp_path_factory.mktemp("tiny-runs")
    data = {"data.source": str(small_mnist), "log.visualdl": False}

    def train(preset, name, output=folder, **overrides):
        return paddle_gan_aug.train(preset, run=name, output=output, log=folder, overrides={**data, **overrides}, quiet=True).folder

    runs = {"conditional": train("projection", "conditional", **NARROW, **{"train.steps": 3})}
    for digit in ("5", "6"):
        options = {"data.class_name": digit, "train.steps": 3, "train.seed": int(digit)}
        runs[digit] = train("classic", f"digits-{digit}", folder / "digits", **NARROW, **options)
    runs["digits"] = folder / "digits"
    runs["classifier"] = train("classifier", "classifier", **{"train.steps": 60, "train.batch_size": 50, "train.epochs": None})
    return runs


class Reads(list):
    """(data set, part) of every reading of files, in order; data that was read before is forgotten at the beginning."""

    def forget(self):
        """Begin again: what was read is not kept either."""
        cache = importlib.import_module("paddle_gan_aug.data.read_once")
        cache._kept.clear()
        cache._used_last.clear()
        self.clear()

    def each_once(self):
        """Whether there were any, and none twice."""
        return len(self) == len(set(self)) > 0


@pytest.fixture
def reads(monkeypatch):
    """What is read from files from now on, a `Reads`."""
    from paddle_gan_aug.data.readers import Reader

    parts, open_path = Reads(), Reader.open_path
    parts.forget()

    def counted(reader, path, spec):
        read = open_path(reader, path, spec)

        def count(part):
            images = read(part)
            if images is not None:
                parts.append((str(path), part))
            return images

        return count

    monkeypatch.setattr(Reader, "open_path", counted)
    return parts
