"""Cells on several processes give the rows of one; a worker that is killed costs its cell at most."""

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from paddle_gan_aug import machine
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study import engine, study, work
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell, Settings, read_rows
from paddle_gan_aug.study.engine import Engine, affordable_jobs, connect, in_turn
from paddle_gan_aug.study.splits import TEST, Scenario

ROOT = Path(__file__).resolve().parents[2]
TINY = Settings(steps=4, batch_size=8, gan_steps=2, per_class=6, policy="digits", gan="cgan")
CELLS = [Cell(arm_of(name), Scenario(6), seed, TEST) for name in ("real", "gan") for seed in (0, 1)]


def numbers(folder):
    return {(row["arm"], row["seed"]): row["accuracy"] for row in read_rows(folder)}


@pytest.fixture
def alone(study_data, tmp_path):
    Engine(study_data(), TINY, tmp_path / "alone").run(CELLS)
    return numbers(tmp_path / "alone")


def test_workers_give_the_same_rows(study_data, tmp_path, alone):
    assert Engine(study_data(), TINY, tmp_path / "two", jobs=2).run(CELLS) == []
    assert numbers(tmp_path / "two") == alone


def test_workers_take_cells_of_different_seeds():
    def order(workers):
        cells = [Cell(arm_of(name), Scenario(6), seed, TEST) for seed in (0, 1, 2) for name in ("real", "gan", "gan+filter")]
        return [(cell.arm.name, cell.seed) for cell in in_turn(cells, workers)]

    assert order(1) == [(name, seed) for seed in (0, 1, 2) for name in ("real", "gan", "gan+filter")]
    first = [(name, seed) for name in ("real", "gan", "gan+filter") for seed in (0, 1)]
    assert order(2) == [*first, ("real", 2), ("gan", 2), ("gan+filter", 2)]
    assert order(5) == [(name, seed) for name in ("real", "gan", "gan+filter") for seed in (0, 1, 2)]


def kill_once(cell, images, settings, folder, fingerprint):
    """Computes a cell, but the first worker that gets seed 1 of `real` is killed."""
    mark = Path(folder) / "killed"
    if cell.arm.name == "real" and cell.seed == 1 and not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work.compute(cell, images, settings, Path(folder), fingerprint)


def test_a_killed_worker_costs_its_cell_which_is_run_again(study_data, tmp_path, alone, monkeypatch):
    monkeypatch.setattr(engine, "cell_task", kill_once)
    assert Engine(study_data(), TINY, tmp_path / "two", jobs=2).run(CELLS) == []
    assert (tmp_path / "two" / "killed").exists()
    assert numbers(tmp_path / "two") == alone


def kill_always(cell, images, settings, folder, fingerprint):
    """Computes a cell, but every worker that gets seed 0 of `gan` is killed."""
    if (cell.arm.name, cell.seed) == ("gan", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return work.compute(cell, images, settings, Path(folder), fingerprint)


def test_a_cell_whose_workers_are_always_killed_is_a_failed_row(study_data, tmp_path, alone, monkeypatch):
    monkeypatch.setattr(engine, "cell_task", kill_always)
    assert Engine(study_data(), TINY, tmp_path / "two", jobs=2).run(CELLS) == []
    *rows, failed = sorted(read_rows(tmp_path / "two"), key=lambda row: bool(row["error"]))
    assert {(row["arm"], row["seed"]): row["accuracy"] for row in rows} == {key: of for key, of in alone.items() if key != ("gan", 0)}
    assert (failed["arm"], failed["seed"]) == ("gan", 0)
    assert failed["error"] == "RunFailed: the worker was killed 4 times, perhaps for lack of memory: go on with fewer workers (jobs)"


def test_no_cell_begins_after_the_deadline(study_data, tmp_path):
    assert Engine(study_data(), TINY, tmp_path, deadline=time.monotonic() - 1).run(CELLS) == CELLS
    assert read_rows(tmp_path) == []


def test_memory_limits_the_workers(monkeypatch):
    """Those of the system, or of the container where that has fewer."""
    kilobytes = {"VmRSS": 500_000, "MemAvailable": 3_000_000}
    of_container = []
    monkeypatch.setattr(machine, "_line", lambda _, name: kilobytes[name] // 1024 if kilobytes else None)
    monkeypatch.setattr(machine, "_of_container", lambda: of_container)
    assert affordable_jobs(16, 28, 1, True) == 3 and affordable_jobs(2, 28, 1, True) == 2
    of_container.append(1200)  # MB, of which the process itself holds 488
    assert affordable_jobs(16, 28, 1, True) == 1
    kilobytes.clear()
    assert affordable_jobs(16, 28, 1, True) == 16


# ---- Dask --------------------------------------------------------------------------------------------------------------


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(InputError, match=r"pip install 'distributed>=2023'"):
        connect("tcp://127.0.0.1:1")


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(engine, "ANSWERS_WITHIN", 1)
    with pytest.raises(InputError, match="cluster: tcp://127.0.0.1:9 does not answer within 1 seconds") as refused:
        connect("tcp://127.0.0.1:9")
    assert "\n" not in str(refused.value)


@pytest.fixture
def cluster(tmp_path):
    """(address, worker processes) of a scheduler with two workers on loopback."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    commands = [
        ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(tmp_path / "scheduler.json")],
        *[
            ["worker", "--scheduler-file", str(tmp_path / "scheduler.json"), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
            for _ in range(2)
        ],
    ]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + kind, *flags], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        for kind, *flags in commands
    ]
    import json

    while not (tmp_path / "scheduler.json").exists():
        time.sleep(0.1)
    time.sleep(0.5)
    yield json.loads((tmp_path / "scheduler.json").read_text())["address"], started[1:]
    for process in started:
        process.kill()
        process.wait()


def test_cells_on_a_dask_cluster(study_data, tmp_path, alone, cluster):
    address, workers = cluster
    rows = []

    def row(found):
        rows.append(found)
        if len(rows) == 1:
            workers[0].kill()  # in the middle of its cell

    with Engine(study_data(), TINY, tmp_path / "far", cluster=address, on_row=row) as runner:
        runner.client.wait_for_workers(2, timeout=60)
        assert runner.run(CELLS) == []
    assert numbers(tmp_path / "far") == alone and runner.client.status == "closed"


def test_a_study_leaves_the_cluster(npz, tmp_path, monkeypatch):
    """Also when its cells end in an error."""
    left = []
    cluster = types.SimpleNamespace(close=lambda: left.append("closed"))
    monkeypatch.setattr(engine, "connect", lambda address: cluster)
    monkeypatch.setattr(study, "connect", lambda address: cluster)
    monkeypatch.setattr(Engine, "_on_cluster", lambda self, cells: left.append("cells") or iter([{}]))
    with pytest.raises(KeyError):
        study.run_study(str(npz()), to=tmp_path / "study", cluster="tcp://host:8786", arms=["classical"], quiet=True)
    assert left == ["closed", "cells", "closed"]


def test_no_cell_begins_that_would_end_too_late(study_data, tmp_path, monkeypatch):
    """After the first cell, which took 50 seconds, there is time for none as long."""
    monkeypatch.setattr(engine, "compute", lambda cell, images, settings, folder, fingerprint: row_of(cell, settings, fingerprint, 50.0))
    cells = [Cell(arm_of("real"), Scenario(), seed, TEST) for seed in range(3)]
    now = engine.time.monotonic()
    one = engine.Engine(study_data(), Settings(), tmp_path, deadline=now + 1000, latest=now + 40)
    assert [cell.seed for cell in one.run(cells)] == [1, 2]
    other = engine.Engine(study_data(), Settings(), tmp_path, deadline=now + 1000, latest=now + 1000)
    assert other.run(cells) == []


def row_of(cell, settings, fingerprint, seconds):
    return {"key": engine.key_of(cell, settings, fingerprint), "arm": cell.arm.name, "seed": cell.seed, "seconds": seconds, "error": None}
