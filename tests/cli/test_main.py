"""What all commands share: help, version, exit codes, signals, and one clear line for every failure."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import paddle_gan_aug

ROOT = Path(__file__).resolve().parents[2]


def test_version_and_help(cli):
    assert cli("--version").stdout.strip() == f"paddle_gan_aug {paddle_gan_aug.__version__}"
    assert all(command in cli("--help").stdout for command in ("train", "generate", "classify", "dashboard"))
    for command in ("train", "generate", "classify", "dashboard"):
        assert "--json" in cli(command, "--help").stdout


def test_every_command_has_json_and_every_one_that_computes_has_threads(here):
    for command in ("train", "generate", "augment", "predict", "classify", "evaluate", "dashboard", "cache"):
        text = here(command, "--help").stdout
        assert "--json" in text
        assert ("--threads" in text) == (command not in ("dashboard", "cache"))


def test_train_py_is_the_train_command():
    done = subprocess.run([sys.executable, "train.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--generator" in done.stdout


def test_a_measurement_that_is_ended_says_so_in_one_line():
    code = (
        "import os, signal, sys\n"
        "from benchmarks.__main__ import main\n"
        "from benchmarks import sets\n"
        "sets.train = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)  # in the middle of the work\n"
        "sys.exit(main(['generation', '--count', '1000000']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    said = done.stderr.strip().splitlines()
    assert done.returncode == 130, said
    assert said[-1] == "python -m benchmarks: interrupted"
    assert not any("Traceback" in line for line in said)


def test_an_interrupted_import_is_an_interruption(monkeypatch, capsys):
    """Ctrl-C while a library's core is imported reaches us as an ImportError."""
    from paddle_gan_aug.cli import predict
    from paddle_gan_aug.cli.main import main

    def interrupted(args):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        monkeypatch.setattr(predict, "run", interrupted)
        assert main(["predict", "run", "images"]) == 130
        monkeypatch.setattr(predict, "run", lambda args: __import__("no_such_module"))
        with pytest.raises(ImportError):
            main(["predict", "run", "images"])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "paddle_gan_aug predict: interrupted\n"


def test_memory_that_runs_out_and_names_with_line_breaks_are_one_line(monkeypatch, capsys):
    from paddle_gan_aug.cli import predict
    from paddle_gan_aug.cli.main import main
    from paddle_gan_aug.errors import InputError

    def fails(error):
        def command(args):
            raise error

        return command

    before = signal.getsignal(signal.SIGTERM)
    try:
        for error, code, said in (
            (MemoryError("Unable to allocate 21.7 GiB"), 1, "not enough memory (Unable to allocate 21.7 GiB)"),
            (
                MemoryError("(ResourceExhausted) Fail to alloc memory of 640000000000 size, error code is 12.\n [Hint]"),
                1,
                "not enough memory (610351 MB more were asked for)",
            ),
            (InputError("a\nb\x1b[31m does not exist"), 2, "a\\nb\\x1b[31m does not exist"),
            (OSError(28, "No space left on device", "/a/b"), 1, "cannot write /a/b: No space left on device"),
            (PermissionError(13, "Permission denied", "/a/b"), 1, "cannot use /a/b: Permission denied"),
            (OSError(errno.ENAMETOOLONG, "File name too long", "aaa"), 2, "cannot use aaa: File name too long"),
        ):
            monkeypatch.setattr(predict, "run", fails(error))
            assert main(["predict", "run", "images"]) == code
            assert capsys.readouterr().err == f"paddle_gan_aug predict: {said}\n"
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(os.name == "nt", reason="a limit on the size of files stands for a full disk")
@pytest.mark.parametrize("bytes_at_most", [100, 3000, 20_000])
def test_a_disk_that_is_full_is_one_line(cli, small, small_mnist, bytes_at_most):
    code = (
        "import sys; from paddle_gan_aug.cli.main import main\n"
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_at_most}, {bytes_at_most}))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    places = ["--data", small_mnist, "--output", cli.output, "--log", cli.log]
    arguments = ["classify", *places, "--batch-size", 50, "--steps", 2, "--run", "r"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    said = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert said[-1].startswith("paddle_gan_aug classify: cannot") and "File too large" in said[-1] and str(cli.output) in said[-1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full stands for a full disk")
@pytest.mark.parametrize("arguments", [["train", "--list-presets"], ["train", "--list-presets", "--json"]])
def test_output_on_a_full_disk_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "paddle_gan_aug", *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr == "paddle_gan_aug train: cannot write standard output: No space left on device\n"
    assert done.returncode == 1
