"""The command line as a user meets it: help, version, presets, and one clear line for every mistake."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import paddle_gan_aug
from paddle_gan_aug.config.loading import presets

ROOT = Path(__file__).resolve().parents[2]


def test_version_and_help(cli):
    assert cli("--version").stdout.strip() == f"paddle_gan_aug {paddle_gan_aug.__version__}"
    assert all(command in cli("--help").stdout for command in ("train", "generate", "classify", "dashboard"))
    for command in ("train", "generate", "classify", "dashboard"):
        assert "--json" in cli(command, "--help").stdout


def test_train_py_is_the_train_command():
    done = subprocess.run([sys.executable, "train.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--generator" in done.stdout


def test_presets_are_listed(cli):
    listed = cli("train", "--list-presets").stdout
    assert all(name in listed and text in listed for name, text in presets().items())
    assert json.loads(cli("train", "--list-presets", "--json").stdout) == presets()


def bad_idx(folder, change):
    """A data folder with one file changed by `change(bytes) -> bytes`."""
    target = folder / "train-images-idx3-ubyte.gz"
    with gzip.open(target, "rb") as file:
        content = file.read()
    with gzip.open(target, "wb") as file:
        file.write(change(content))


@pytest.fixture
def data_copy(tmp_path, small_mnist):
    import shutil

    return shutil.copytree(small_mnist, tmp_path / "data")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda b: b[:5000], "truncated|shorter|cut short|ends"),
        (lambda b: b"\x00\x00\x09" + b[3:], "magic|type|unsigned"),
        (lambda b: b"GIF8" + b[4:], "magic|IDX"),
        (lambda b: b[:4] + (599).to_bytes(4, "big") + b[8 : 16 + 599 * 784], "599"),
    ],
)
def test_damaged_data(cli, small, data_copy, change, words):
    bad_idx(data_copy, change)
    done = cli("train", "--data", data_copy, "--steps", 2, "--run", "r", *small, code=2)
    assert any(word in done.stderr for word in words.split("|")), done.stderr
    assert str(data_copy) in done.stderr
    assert_one_line_and_nothing_written(cli, done)


def test_missing_data(cli, small, data_copy):
    os.unlink(data_copy / "train-labels-idx1-ubyte.gz")
    done = cli("train", "--data", data_copy, "--steps", 2, *small, code=2)
    assert "train-labels" in done.stderr
    assert_one_line_and_nothing_written(cli, done)
    assert "does not exist" in cli("train", "--data", cli.folder / "nowhere", code=2).stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--digit", "11"], ["11", "0, 1, 2"]),
        (["--digit", "-1"], ["-1"]),
        (["--epochs", "0"], ["--epochs (train.epochs)", ">= 1"]),
        (["--steps", "-5"], ["train.steps", ">= 1"]),
        (["--batch-size", "0"], ["train.batch_size"]),
        (["--batch-size", "501"], ["501", "500"]),
        (["-o", "train.epoch=3"], ["did you mean train.epochs?"]),
        (["-o", "train.epochs"], ["section.key=value"]),
        (["--generator", "conv"], ["transpose, upsample"]),
        (["--gan", "clasic"], ["did you mean classic?"]),
        (["-c", "missing.yaml"], ["missing.yaml"]),
        (["--device", "gpu"], ["--device cpu"]),
        (["--device", "tpu"], ["auto, cpu, gpu"]),
        (["--run", "../outside"], ["one folder name"]),
        (["--nonsense"], ["--nonsense"]),
        (["--epoch", "3"], ["--epoch 3", "did you mean --epochs?"]),
        (["--lr", "0.1"], ["--lr 0.1", "did you mean -o optimizer.generator_lr=0.1?"]),
        (["--lr=0.1"], ["did you mean -o optimizer.generator_lr=0.1?"]),
        (["--bs", "8"], ["did you mean --batch-size?"]),
        (["--batchsize", "8"], ["did you mean --batch-size?"]),
        (["--gpu", "0"], ["did you mean --device gpu?"]),
        (["--num-workers", "4"], ["did you mean --threads?"]),
        (["--data-dir", "x"], ["did you mean --data?"]),
        (["--output_dir", "x"], ["did you mean --output?"]),
        (["--z-dim", "64"], ["did you mean -o generator.latent_dim=64?"]),
        (["-o", "lr=0.1"], ["unknown key lr; did you mean optimizer.generator_lr?"]),
        (["--seed", "-1"], ["--seed (train.seed)", ">= 0"]),
        (["--seed", "9" * 30], ["--seed (train.seed)", "9223372036854775807"]),
        (["--seed", "abc"], ["--seed (train.seed)", "'abc'"]),
        (["--steps", "3", "-o", "train.steps=4"], ["--steps 3 and -o train.steps=4", "leave one of them out"]),
        (["--digit", "3", "-o", "data.class_name=4"], ["--digit 3 and -o data.class_name=4"]),
        (["--digit", "010"], ["'010'"]),
        (["--output", "/proc/nothing"], ["cannot write"]),
        (["--output", "README.md"], ["README.md", "a file of that name"]),
        (["--split", "half"], ["standard, full"]),
        (["-o", "algorithm=gann"], ["algorithm gann"]),
    ],
)
def test_mistakes_in_arguments(cli, small_mnist, arguments, words):
    done = cli("train", "--data", small_mnist, *arguments, code=2)
    assert all(word in done.stderr for word in words), done.stderr
    assert_one_line_and_nothing_written(cli, done)


def assert_one_line_and_nothing_written(cli, done):
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not cli.output.exists() or os.listdir(cli.output) == []


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
    from paddle_gan_aug.cli import main as cli

    def interrupted(args):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        monkeypatch.setitem(cli.COMMANDS, "predict", (cli.COMMANDS["predict"][0], interrupted, ""))
        assert cli.main(["predict", "run", "images"]) == 130
        monkeypatch.setitem(cli.COMMANDS, "predict", (cli.COMMANDS["predict"][0], lambda args: __import__("no_such_module"), ""))
        with pytest.raises(ImportError):
            cli.main(["predict", "run", "images"])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "paddle_gan_aug predict: interrupted\n"


def test_an_empty_class(cli, small, tmp_path, small_mnist):
    from paddle_gan_aug.data import load
    from paddle_gan_aug.data.idx import write_idx

    part = load(str(small_mnist), "train", split="full")
    kept = part.subset([i for i, label in enumerate(part.labels) if label != 4])
    folder = tmp_path / "no-fours"
    folder.mkdir()
    write_idx(folder / "train-images-idx3-ubyte", kept.images[:, 0])
    write_idx(folder / "train-labels-idx1-ubyte", kept.labels.astype("uint8"))
    done = cli("train", "--data", folder, "--digit", 4, *small, code=2)
    assert "4" in done.stderr
    assert_one_line_and_nothing_written(cli, done)


def test_a_name_in_use_is_refused_and_untouched(cli, small, small_mnist):
    cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "taken")
    before = {path: path.read_bytes() for path in cli.output.rglob("*") if path.is_file()}
    done = cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "taken", code=2)
    assert "taken" in done.stderr
    assert "resume" in done.stderr
    assert {path: path.read_bytes() for path in cli.output.rglob("*") if path.is_file()} == before


def test_a_misspelt_command_is_recognised(cli):
    assert "did you mean generate?" in cli("genrate", "x", code=2).stderr


def test_a_flag_that_is_near_nothing_gets_no_guess(cli):
    for flag in ("--nonsense", "--xy", "--lrx"):
        assert "did you mean" not in cli("train", flag, "1", code=2).stderr
    assert "did you mean -o optimizer.classifier_lr=0.1?" in cli("classify", "--lr", "0.1", code=2).stderr
    assert "did you mean --to?" in cli("evaluate", "r", "--output-dir", "x", code=2).stderr


def test_a_flag_and_a_key_with_the_same_value_agree(here, small, small_mnist):
    twice = ["--steps", 2, "-o", "train.steps=2", "--digit", 3, "-o", "data.class_name=3"]
    here("train", "--data", small_mnist, *small, *twice, "--run", "2024")
    assert (here.output / "2024" / "config.yaml").exists()


def test_seeds_are_checked_everywhere(here, tmp_path):
    for arguments in (
        ["evaluate", "r"],
        ["generate", "r", "--to", tmp_path / "x"],
        ["benchmarks", "kills"],
        ["benchmarks", "wall"],
        ["benchmarks", "patches", "--to", "x"],
    ):
        for seed in ("-1", "9" * 30, "abc", "1.5"):
            done = here(*arguments, "--seed", seed, code=2)
            assert "seed" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    for seed in (-1, 2**63, 1.5, "x", None):
        with pytest.raises(paddle_gan_aug.runtime.InputError, match="a seed is a whole number from 0 to 9223372036854775807"):
            paddle_gan_aug.evaluate("r", seed=seed)
        with pytest.raises(paddle_gan_aug.runtime.InputError, match="a seed is a whole number"):
            paddle_gan_aug.runtime.rng(seed, "anything")
    assert paddle_gan_aug.runtime.rng(2**63 - 1, "anything").random() < 1


def test_threads_are_bounded(here, small_mnist, tiny):
    for arguments in (["train", "--data", small_mnist], ["generate", tiny["5"], "--to", here.folder / "x"]):
        for threads in (9999, -1):
            assert "threads" in here(*arguments, "--threads", threads, code=2).stderr
    assert not here.output.exists() and not (here.folder / "x").exists()


def test_text_keys_take_numbers_as_typed(here, small_mnist):
    done = here("classify", "--data", small_mnist, "--generated", "20240101", code=2)
    assert "20240101" in done.stderr and "expected str" not in done.stderr
    done = here("train", "--data", "2024", code=2)
    assert "2024 does not exist" in done.stderr
    done = here("augment", "--data", small_mnist, "--to", here.folder / "x", "--filter-set", "confidence", code=2)
    assert "--filter-set confidence: expected NAME.SETTING=VALUE, for example confidence.threshold=0.9" in done.stderr


def test_every_command_has_json_and_every_one_that_computes_has_threads(here):
    for command in ("train", "generate", "augment", "predict", "classify", "evaluate", "dashboard"):
        text = here(command, "--help").stdout
        assert "--json" in text
        assert ("--threads" in text) == (command != "dashboard")


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


def test_memory_that_runs_out_and_names_with_line_breaks_are_one_line(monkeypatch, capsys):
    from paddle_gan_aug.cli import main as cli
    from paddle_gan_aug.errors import InputError

    def fails(error):
        def command(args):
            raise error

        return command

    before = signal.getsignal(signal.SIGTERM)
    try:
        for error, code, said in (
            (MemoryError("Unable to allocate 21.7 GiB"), 1, "not enough memory (Unable to allocate 21.7 GiB)"),
            (InputError("a\nb\x1b[31m does not exist"), 2, "a\\nb\\x1b[31m does not exist"),
            (OSError(28, "No space left on device", "/a/b"), 1, "cannot write /a/b: No space left on device"),
            (PermissionError(13, "Permission denied", "/a/b"), 1, "cannot use /a/b: Permission denied"),
        ):
            monkeypatch.setitem(cli.COMMANDS, "predict", (cli.COMMANDS["predict"][0], fails(error), ""))
            assert cli.main(["predict", "run", "images"]) == code
            assert capsys.readouterr().err == f"paddle_gan_aug predict: {said}\n"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_values_of_an_unknown_range_end_before_anything_is_written(here, tmp_path):
    import numpy as np

    np.savez(tmp_path / "normalised.npz", images=np.random.default_rng(0).normal(size=(20, 28, 28)), labels=np.arange(20) % 2)
    for command in ("train", "classify"):
        refused = here(command, "--data", tmp_path / "normalised.npz", code=2)
        assert "known are 0 to 255, 0 to 1 and -1 to 1: say which values are black and white" in refused.stderr
        assert "data.window=[" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1 and not here.output.exists() and not here.log.exists()
