"""Estimates for the machine at hand: measured once, noted with the study, and the same plan whenever it goes on."""

import subprocess
import sys
import types

import pytest
from small_studies import run
from study_plans import plan_of

from paddle_gan_aug.study import speed, study
from paddle_gan_aug.study.estimate import cell_seconds, classifier_seconds
from paddle_gan_aug.study.folder import noted_slowness


def test_steps_are_measured_in_a_process_of_its_own():
    done = subprocess.run([sys.executable, "-m", "paddle_gan_aug.study.speed", "1"], capture_output=True, text=True, check=True)
    assert 1e-4 < float(done.stdout.split()[-1]) < 10


def test_the_time_of_a_step_is_compared_with_the_table(monkeypatch):
    monkeypatch.undo()  # of what other tests are spared
    said = types.SimpleNamespace(stdout="a warning\n0.034\n")
    monkeypatch.setattr(speed.subprocess, "run", lambda *_, **__: said)
    speed._measured.cache_clear()
    assert speed.slowness(3600, 98) == pytest.approx(2)


def test_short_work_is_not_measured(monkeypatch):
    monkeypatch.setattr(speed, "_measured", lambda threads: 4.0 + threads)
    assert [speed.slowness(seconds, 2) for seconds in (0, speed.SHORT - 1, speed.SHORT, 1e6)] == [1, 1, 6, 6]
    assert speed.slowness(1e6, 2, known=2.5) == 2.5


def test_what_cannot_be_measured_is_as_in_the_tables(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(speed.sys, "executable", "/nowhere/python")
    assert speed._measured(97) == 1


def test_all_estimates_grow_alike(study_data):
    data, asked = study_data(), {"arms": ["real", "gan+filter"], "seeds": 2, "choices": 0, "steps": 1000}
    fast, slow = plan_of(data, **asked), plan_of(data, slowness=3.0, **asked)
    assert slow.seconds == pytest.approx(3 * fast.seconds) and slow.settings == fast.settings
    assert cell_seconds(data, slow, slow.testing()) == pytest.approx([3 * one for one in cell_seconds(data, fast, fast.testing())])
    assert classifier_seconds(data, slow) == pytest.approx(3 * classifier_seconds(data, fast))


def test_a_budget_means_less_on_a_slow_machine(study_data):
    fast, slow = (plan_of(study_data(), budget=600, slowness=by) for by in (1.0, 4.0))
    assert len(slow.testing()) < len(fast.testing()) and slow.seconds <= 600


def test_a_study_goes_on_by_the_speed_that_it_began_with(npz, tmp_path, monkeypatch):
    """Otherwise its budget would mean another plan whenever it goes on, and its rows would not be found."""
    measured = iter([3.0, 2.0])
    monkeypatch.setattr(study, "slowness", lambda seconds, threads, known: known or next(measured))
    data, asked = npz(), {"arms": ["classical"], "steps": 2, "keep": False}
    assert run(data, tmp_path, **asked).plan.slowness == 3 and noted_slowness(tmp_path / "study") == 3
    assert run(data, tmp_path, **asked).plan.slowness == 3 and next(measured) == 2
    monkeypatch.setattr(study, "slowness", lambda seconds, threads, known: 1.0)  # as of a short study in the same folder
    run(data, tmp_path, **asked)
    assert noted_slowness(tmp_path / "study") == 3 and noted_slowness(tmp_path / "other") is None
