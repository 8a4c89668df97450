"""The table of a study in a notebook fills row by row, begins with what is stored, and counts what has failed; the time that is left."""

import pytest
from study_plans import plan_of

from paddle_gan_aug.study import progress
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell
from paddle_gan_aug.study.estimate import cell_seconds, estimate
from paddle_gan_aug.study.progress import StudyProgress, TimeLeft
from paddle_gan_aug.study.splits import TEST, Scenario

ARMS = [arm_of("real"), arm_of("classical")]


def row_of(cell, accuracy, error=None, seconds=3.0):
    return {
        "arm": cell.arm.name,
        "scenario": cell.scenario.name,
        "seed": cell.seed,
        "role": cell.role,
        "accuracy": accuracy,
        "error": error,
        "seconds": seconds,
    }


def progress_of(cells, todo, rows, quiet=False):
    """Of cells that were estimated to take 100 seconds each."""
    return StudyProgress("testing", ARMS, cells, todo, rows, TimeLeft({cell.place: 100.0 for cell in todo}), quiet)


@pytest.fixture
def cells():
    return [Cell(arm_of(arm), Scenario(), seed, TEST) for seed in (0, 1) for arm in ("real", "classical")]


@pytest.fixture
def shown(monkeypatch):
    """Every state of the table, as lists of its entries."""
    states = []
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(
        progress.Shown,
        "show",
        lambda self, text, html: states.append([line.split()[:1] + line.split()[-2:] for line in text.splitlines()[1:-1]]),
    )
    return states


def test_it_fills_row_by_row(cells, shown, capsys):
    stored = row_of(cells[0], 0.5)
    line = progress_of(cells, cells[1:], [stored, row_of(Cell(arm_of("real"), Scenario(), 7, TEST), 0.1)], quiet=False)
    line.row(row_of(cells[1], 0.75))
    line.row(row_of(cells[2], 0.6))
    line.row(row_of(cells[3], None, "RunFailed: no"))
    line.close()
    real = [state[0][1:] for state in shown]
    assert real == [["50.0", "%"], ["50.0", "%"], ["55.0", "%"], ["55.0", "%"]]
    assert [state[1][0] for state in shown] == ["classical"] * 4
    assert [state[1][-1] for state in shown] == ["0/2", "%", "%", "1"]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_and_a_file_have_lines(cells, capsys):
    line = progress_of(cells, cells[2:], [], quiet=False)
    line.row(row_of(cells[2], 0.6))
    line.row(row_of(cells[3], None, "RunFailed: no"))
    line.close()
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("testing  3/4 cells  ·  real, ") and ", seed 1: 60.0 %  ·  " in first
    assert second.startswith("testing  4/4 cells, 1 failed  ·  classical, ") and "seed 1: failed: RunFailed: no" in second


def test_quiet_shows_nothing(cells, shown, capsys):
    line = progress_of(cells, cells, [], quiet=True)
    line.row(row_of(cells[0], 0.6))
    line.close()
    assert shown == [] and capsys.readouterr() == ("", "")


def test_the_table_keeps_the_order_of_the_arms(cells, shown):
    progress_of(cells[::-1], cells, [], quiet=False)  # the arms that are compared run first
    assert [line[0] for line in shown[0]] == ["real", "classical"]


@pytest.fixture
def clock(monkeypatch):
    """The time that `progress` reads: a list of one number."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_cells_are_estimated_with_the_parts_that_they_are_the_first_to_need(study_data):
    data = study_data()
    plan = plan_of(data, arms=["real", "gan", "gan+filter"], seeds=2, choices=0, steps=1000, gan_steps=300, jobs=2)
    size = (16 * 16 / 784) ** 1.2
    classifier = 1000 * 0.017 * size + 1e-4 * (16 * 16 / 784) * 60 + 3
    gan = 300 * 0.13 * (16 * 16 / 784) ** 0.8
    reader = 10 + (0.017 * size + 0.013 * 16 * 16 / 784) * (1000 + 5 * 100)
    seconds = cell_seconds(data, plan, plan.testing())
    assert [(cell.arm.name, cell.seed) for cell in plan.testing()][:4] == [("real", 0), ("real", 1), ("gan", 0), ("gan", 1)]
    assert seconds == pytest.approx([classifier] * 2 + [classifier + gan] * 2 + [classifier + reader] * 2)
    assert cell_seconds(data, plan, plan.testing()[4:]) == pytest.approx([classifier + gan + reader] * 2)
    assert estimate(data, plan) == pytest.approx(sum(seconds) / 2) == pytest.approx(plan.seconds)


def test_the_first_cells_are_the_cheapest_and_the_time_that_is_left_knows(cells, clock, capsys):
    """Two cells of 10 seconds and two of 3,000: when one has taken 15, the mean of the ended would say 45 s left."""
    seconds = dict(zip((cell.place for cell in cells), (10.0, 10.0, 3000.0, 3000.0)))
    line = StudyProgress("testing", ARMS, cells, cells, [], TimeLeft(seconds), quiet=False)
    clock[0] = 15.0
    line.row(row_of(cells[0], 0.5, seconds=15.0))
    clock[0] = 25.0
    line.row(row_of(cells[1], 0.5, seconds=10.0))
    clock[0] = 3025.0
    line.row(row_of(cells[2], 0.5, seconds=3000.0))
    clock[0] = 6000.0
    line.row(row_of(cells[3], 0.5, seconds=2975.0))
    left = [text.rsplit("·  ", 1)[1] for text in capsys.readouterr().err.splitlines()]
    assert left == ["2.5 h left", "2.1 h left", "50 min left", "0 s left"]


def test_the_time_left_of_several_workers_of_failed_cells_and_of_a_budget(cells, clock):
    seconds = dict(zip((cell.place for cell in cells), (10.0, 10.0, 100.0, 100.0)))
    left = TimeLeft(seconds, jobs=2)
    clock[0] = 20.0
    assert left.after(row_of(cells[0], 0.5, seconds=20.0)) == 2 * 210 / 2
    assert left.after(row_of(cells[1], None, "RunFailed: no", seconds=0.1)) == 2 * 200 / 2
    cluster = TimeLeft(seconds)
    assert cluster.after(row_of(cells[0], None, "RunFailed: no", seconds=0.1)) == 210
    clock[0] = 40.0
    assert cluster.after(row_of(cells[2], 0.5, seconds=100.0)) == 1 * 110 / 5  # of a cluster 100 s of work in 20 s
    short = TimeLeft(seconds, latest=100.0)
    assert short.after(row_of(cells[0], 0.5, seconds=10.0)) == 60
    clock[0] = 120.0
    assert short.after(row_of(cells[1], 0.5, seconds=10.0)) == 0
