"""Several processes measure what one measures, and a process that ends ends all with one line."""

import json
import signal
import time

import numpy as np
import pytest
from several_processes import ended, start

from paddle_gan_aug import leading, processes
from paddle_gan_aug.data import load
from paddle_gan_aug.files import CACHE_VARIABLE

QUICK = (  # the command line, with a feature network that learns for some steps alone
    "import sys; from paddle_gan_aug.cli.main import main; from paddle_gan_aug.evaluation import feature_network\n"
    "feature_network.LEAST_STEPS = feature_network.EPOCHS = 1\n"
    "sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A function that runs `evaluate`, with nothing known before, in some processes; returns [(exit code, output, errors)]."""

    def run(count, *arguments):
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / f"cache-{count}"))
        return ended(start(count, "-c", QUICK, "evaluate", *arguments, "--json", "--threads", 1))

    return run


def said_of(text):
    return [line.split()[0] for line in text.splitlines() if line.startswith(("no feature", "drawing", "measuring"))]


@pytest.mark.parametrize("count", [2, 3])
def test_processes_measure_what_one_measures(measured, tiny, tmp_path, count):
    arguments = [tiny["conditional"], "--count", 2300, "--part", "valid"]
    ((_, one, _),) = measured(1, *arguments, "--to", tmp_path / "one")
    done = measured(count, *arguments, "--to", tmp_path / "together")
    assert [code for code, _, _ in done] == [0] * count, done
    wanted, found = json.loads(one), json.loads(done[0][1])
    assert found.pop("page") == str(tmp_path / "together" / "index.html") and {**found, "page": wanted["page"]} == wanted
    assert found["count"] == 2300 and found["kid"]["value"] > 0
    assert [output for _, output, _ in done[1:]] == [""] * (count - 1)
    said = ["drawing", "no", "measuring", "drawing"]
    assert [said_of(errors) for _, _, errors in done] == [said, *[[]] * (count - 1)]
    pages = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "together")]
    assert pages[0] == pages[1] and "evaluation.json" in pages[0]


def test_images_in_files_are_measured_together(measured, small_mnist, tmp_path):
    np.savez(tmp_path / "images.npz", images=load("mnist", "valid").images[:2100])
    one, together = (measured(count, tmp_path / "images.npz", "--data", small_mnist) for count in (1, 2))
    assert [code for code, _, _ in [*one, *together]] == [0, 0, 0], together
    assert json.loads(one[0][1]) == json.loads(together[0][1]) and together[1][1] == ""


def test_bad_input_is_one_line_in_each_log(tmp_path):
    done = ended(start(2, "-m", "paddle_gan_aug", "evaluate", tmp_path / "nothing"))
    assert [code for code, _, _ in done] == [2, 2]
    assert [error.count(f"{tmp_path / 'nothing'} does not exist") for _, _, error in done] == [1, 1]


@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_ends_ends_all_with_one_line(tiny, killed):
    running = start(2, "-m", "paddle_gan_aug", "evaluate", tiny["conditional"], "--count", 300_000)
    time.sleep(0.1)
    while "drawing" not in (line := running[0].stderr.readline()):
        assert line, running[0].communicate()
    running[killed].send_signal(signal.SIGKILL)
    done = ended(running)
    code, _, error = done[1 - killed]
    assert code == 1 and error.count("lost the others") == 1 and "Traceback" not in error, error
    assert "its log says why; start the command again" in error


def test_a_single_process_leads_itself():
    assert leading.led(lambda: [leading.hand_out("x", "kind", 3), list(leading.spread("x")(lambda a: (2 * a,), [[1], [4]]))], {}) == [
        None,
        [(2,), (8,)],
    ]
    assert processes.lines() == []
