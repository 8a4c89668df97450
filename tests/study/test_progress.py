"""The table of a study in a notebook fills row by row, begins with what is stored, and counts what has failed."""

import pytest

from paddle_gan_aug.study import progress
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell
from paddle_gan_aug.study.progress import StudyProgress
from paddle_gan_aug.study.splits import TEST, Scenario

ARMS = [arm_of("real"), arm_of("classical")]


def row_of(cell, accuracy, error=None):
    return {
        "arm": cell.arm.name,
        "scenario": cell.scenario.name,
        "seed": cell.seed,
        "role": cell.role,
        "accuracy": accuracy,
        "error": error,
    }


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
    line = StudyProgress("testing", ARMS, cells, cells[1:], [stored, row_of(Cell(arm_of("real"), Scenario(), 7, TEST), 0.1)], quiet=False)
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
    line = StudyProgress("testing", ARMS, cells, cells[2:], [], quiet=False)
    line.row(row_of(cells[2], 0.6))
    line.row(row_of(cells[3], None, "RunFailed: no"))
    line.close()
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("testing  3/4 cells  ·  real, ") and ", seed 1: 60.0 %  ·  " in first
    assert second.startswith("testing  4/4 cells, 1 failed  ·  classical, ") and "seed 1: failed: RunFailed: no" in second


def test_quiet_shows_nothing(cells, shown, capsys):
    line = StudyProgress("testing", ARMS, cells, cells, [], quiet=True)
    line.row(row_of(cells[0], 0.6))
    line.close()
    assert shown == [] and capsys.readouterr() == ("", "")


def test_the_table_keeps_the_order_of_the_arms(cells, shown):
    StudyProgress("testing", ARMS, cells[::-1], cells, [], quiet=False)  # the arms that are compared run first
    assert [line[0] for line in shown[0]] == ["real", "classical"]
