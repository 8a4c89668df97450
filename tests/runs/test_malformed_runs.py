"""Run folders that were damaged, or made by somebody with bad intentions: one line, and nothing but what was there before."""

import json
import os
import random
import shutil
import struct

import pytest

import paddle_gan_aug
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import sha256

DEEP = b"[" * 100_000
BOMB = (
    "a: &a {k: &b {k: [1, 1, 1]}}\n"
    + "data:\n  classes: &c0 [x]\n"
    + "".join(f"  k{i}: &c{i} [{f'*c{i - 1}, ' * 9}]\n" for i in range(1, 9))
)


@pytest.fixture
def run(tiny, tmp_path):
    """A copy of a small run of digits at step 3 that has gone back once, whose checkpoint says so."""
    folder = tmp_path / "output" / "r"
    shutil.copytree(tiny["conditional"], folder)
    use = {"rung": "smaller-d-step", "alarm_step": 2, "alarms": ["blank images"], "from_step": 1}
    (folder / "recovery.json").write_text(json.dumps({"used": [use], "failed": None}))
    change(folder, lambda state: {**state, "rungs": ["smaller-d-step"], "best": {"step": 3, "metric": "kid", "value": 1.0}})
    return folder


def change(folder, how):
    state = folder / "checkpoints" / "step-3" / "state.json"
    replace(state, json.dumps(how(json.loads(state.read_text()))).encode())


def replace(path, content):
    """Write a file of a checkpoint together with its right checksum."""
    path.write_bytes(content)
    sums = json.loads((path.parent / "checksums.json").read_text())
    (path.parent / "checksums.json").write_text(json.dumps({**sums, path.name: sha256(path)}))


def outcome(work):
    """ "done", or the kind of error whose message is one line; anything else is raised."""
    try:
        work()
    except (InputError, RunFailed) as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, str(error)
        return type(error).__name__
    return "done"


def use_every_way(folder, small_mnist):
    """[the outcome of opening it, drawing from it, going on with it by name, looking for one to go on with]"""
    places = {"output": folder.parent, "log": folder.parent.parent / "log", "quiet": True}
    images = folder.parent.parent / "images"
    ways = [
        lambda: paddle_gan_aug.open_run(folder),
        lambda: paddle_gan_aug.open_run(folder, checkpoint="best"),
        lambda: paddle_gan_aug.generate(folder, to=images, count=2),
        lambda: paddle_gan_aug.train(run=folder.name, resume=True, overrides={"train.steps": 4}, **places),
        lambda: paddle_gan_aug.train(resume=True, overrides={"train.steps": 5, "data.source": str(small_mnist)}, **places),
    ]
    return [outcome(way) for way in ways]


def test_the_run_itself_is_fine(run, small_mnist):
    assert use_every_way(run, small_mnist) == ["done"] * 4 + ["InputError"]  # none is unfinished


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[1, 2]", b"data: 5", b"train: {steps: 2024-13-45}", b"!!python/object:os.system x"]
)
@pytest.mark.parametrize("name", ["config.yaml", "recovery.json"])
def test_settings_that_are_none(run, small_mnist, name, content):
    (run / name).write_bytes(content)
    outcomes = use_every_way(run, small_mnist)
    if (name, content) != ("config.yaml", b""):  # which means the defaults
        assert outcomes[:4] == ["InputError"] * 4


@pytest.mark.parametrize("content", [DEEP, BOMB.encode()], ids=["deep", "bomb"])
@pytest.mark.parametrize("name", ["config.yaml", "recovery.json", "checkpoints/best.json", "metrics.jsonl"])
def test_nesting_without_end(run, small_mnist, name, content):
    (run / name).write_bytes(content)
    use_every_way(run, small_mnist)


@pytest.mark.parametrize(
    "used",
    [5, {"a": 1}, ["x"], [{}], [{"rung": [], "from_step": 1}], [{"rung": "smaller-d-step"}]]
    + [[{"rung": "smaller-d-step", "from_step": step}] for step in (-1, "1", None, 1.5, True)],
)
def test_rungs_that_were_never_used(run, small_mnist, used):
    (run / "recovery.json").write_text(json.dumps({"used": used, "failed": None}))
    assert use_every_way(run, small_mnist)[:4] == ["InputError"] * 4


@pytest.mark.parametrize(
    "key, value",
    [("image_shape", shape) for shape in ([1, 10**9, 10**9], [1, 28], "abc", None, [1, -28, -28], [1.0, 28, 28], [True, 28, 28])]
    + [("data", data) for data in (None, [], {}, {"class_names": 5}, {"class_names": [1, 2]})]
    + [("step", step) for step in (4, "3", None, [3])]
    + [("rungs", rungs) for rungs in (5, ["prayer"], ["smaller-d-step"] * 2, [[]])]
    + [("callbacks", 5), ("best", 5), ("best", "x")],
)
def test_a_state_that_is_none(run, small_mnist, key, value):
    change(run, lambda state: {**state, key: value})
    outcomes = use_every_way(run, small_mnist)
    assert "done" not in (outcomes[0], outcomes[2], outcomes[3])


def test_states_of_callbacks_that_are_none(run, small_mnist):
    change(run, lambda state: {**state, "callbacks": {"HealthMonitor": {"recent": 5}}})
    assert use_every_way(run, small_mnist)[3] == "InputError"


def header(run, name, how):
    path = run / "checkpoints" / "step-3" / f"{name}.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    found = how(json.loads(content[8 : 8 + length]))
    packed = json.dumps(found).encode()
    replace(path, struct.pack("<Q", len(packed)) + packed + content[8 + length :])


@pytest.mark.parametrize("name", ["weights", "optimizers"])
def test_weights_that_declare_too_much(run, small_mnist, name):
    path = run / "checkpoints" / "step-3" / f"{name}.safetensors"
    whole = path.read_bytes()
    replace(path, struct.pack("<Q", 2**62) + whole[8:])
    assert use_every_way(run, small_mnist)[3] == "RunFailed"
    for change_of_first in ({"shape": [10**6, 10**6]}, {"dtype": "BF16"}, {"data_offsets": [0, 2**60]}):
        replace(path, whole)
        header(run, name, lambda entries, new=change_of_first: {key: {**entry, **new} for key, entry in entries.items()})
        assert use_every_way(run, small_mnist)[3] == "RunFailed", change_of_first


@pytest.mark.parametrize("name", ["step-007", "step-٣", "step-9", "step--1", "step-" + "9" * 40])
@pytest.mark.parametrize("kind", ["folder", "file", "link", "copy"])
def test_names_that_are_no_checkpoints(run, small_mnist, name, kind):
    path = run / "checkpoints" / name
    make = {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to("/etc")}
    make["copy"] = lambda: shutil.copytree(run / "checkpoints" / "step-3", path)
    make[kind]()
    outcomes = use_every_way(run, small_mnist)
    assert [outcomes[0], outcomes[2], outcomes[3]] == ["done"] * 3
    assert kind != "link" or path.is_symlink() or not path.exists()


@pytest.mark.parametrize("torn", [b'{"step": 3, "ti', b"\x00\xff\xfe\n", b"5\n", b'{"step": "x"}\n'])
def test_records_with_a_torn_or_binary_line_are_mended(run, small_mnist, torn):
    path = run / "metrics.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + torn)
    assert use_every_way(run, small_mnist)[3] == "done"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert path.read_bytes().startswith(before) and [row["step"] for row in rows] == [1, 3, 4]


@pytest.mark.parametrize("best", [b"", b"\xff", b"5", b'{"step": [3]}', b'{"step": "../../x"}', b'{"step": true}', b'{"step": 99}'])
def test_a_best_json_that_names_no_step(run, best):
    change(run, lambda state: {key: value for key, value in state.items() if key != "best"})
    (run / "checkpoints" / "best.json").write_bytes(best)
    with pytest.raises(InputError, match="no best checkpoint"):
        paddle_gan_aug.open_run(run, checkpoint="best")


def test_the_command_line_says_it_in_one_line(here, run):
    (run / "config.yaml").write_bytes(b"\xff\xfe\x00")
    for command in (
        ["train", "--resume", "--run", "r", "--output", run.parent],
        ["generate", run, "--to", here.folder / "set"],
        ["evaluate", run],
        ["predict", run, "x.png"],
    ):
        said = here(*command, code=2).stderr
        assert len(said.strip().splitlines()) == 1 and "config.yaml" in said


def test_many_random_changes(run, small_mnist, tmp_path):
    """A few of the changes that come by chance; each leaves a run that can be used, or one line."""
    chance, whole = random.Random(0), tmp_path / "whole"
    shutil.copytree(run, whole)
    files = ["config.yaml", "recovery.json", "metrics.jsonl", *(f"checkpoints/step-3/{name}" for name in CHECKPOINT)]
    for _ in range(60):
        shutil.rmtree(run)
        shutil.copytree(whole, run)
        path = run / chance.choice(files)
        content = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        content = content[: chance.choice([len(content), chance.randrange(len(content))])]
        if path.name in CHECKPOINT[:3]:
            replace(path, bytes(content))
        else:
            path.write_bytes(content)
        outcome(lambda: paddle_gan_aug.open_run(run))


CHECKPOINT = ["weights.safetensors", "optimizers.safetensors", "state.json", "checksums.json"]


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizers.safetensors", "state.json", "checksums.json"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_of_a_checkpoint_that_has_no_end(run, small_mnist, name, kind):
    path = run / "checkpoints" / "step-3" / name
    path.unlink()
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    for work in (lambda: paddle_gan_aug.open_run(run), lambda: paddle_gan_aug.generate(run, to=run.parent.parent / "images", count=2)):
        with pytest.raises(InputError, match=f"{path} is no file but a device or a pipe"):
            work()
    assert use_every_way(run, small_mnist)[3] == "InputError" and not (run.parent.parent / "images").exists()


@pytest.mark.parametrize("name", ["recovery.json", "config.yaml"])
def test_a_file_of_a_run_that_has_no_end(run, small_mnist, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    assert use_every_way(run, small_mnist)[:3] == ["InputError"] * 3


def test_the_command_line_does_not_wait_for_a_link_to_dev_zero(run, cli):
    weights = run / "checkpoints" / "step-3" / "weights.safetensors"
    weights.unlink()
    weights.symlink_to("/dev/zero")
    told = cli("evaluate", run, code=2).stderr
    assert f"{weights} is no file but a device or a pipe: put a copy of the file there\n" in told
