"""The leaderboard: lines are added and never lost, and the documentation shows them."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks import leaderboard
from benchmarks.tables import leaderboard_table
from paddle_gan_aug.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20}


def test_a_line_is_added_and_the_table_put_into_the_page(here, tmp_path, monkeypatch):
    common = {"data": "mnist", "preset": "projection", "overrides": NARROW, "seeds": [0], "marks": [1, 2], "samples": 100}
    common.update(evaluate=200, metrics=["frechet"])
    rows = [{"name": name, **common} for name in ("first", "reached", "missed")]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    page = tmp_path / "page.md"
    goals = {"reached": 1e9, "missed": 0.0}
    monkeypatch.setattr(leaderboard, "_goal", lambda recipe, lines: goals.get(recipe["name"]))
    page.write_text(f"before\n{leaderboard.BEGIN}{leaderboard.END}\nafter\n")
    command = ["leaderboard", "--recipes", tmp_path / "rows.yaml", "--to", tmp_path, "--docs", page]
    first, reached, missed = json.loads(here("benchmarks", "--json", *command).stdout)
    assert (first["step"], first["goal"]) == (2, first["marks"][-1]["frechet"])  # it sets the goal at its end
    assert (reached["step"], len(reached["marks"])) == (1, 1)  # it ended at the first mark
    assert missed["step"] is None and missed["cpu_seconds"] is None and [mark["step"] for mark in missed["marks"]] == [1, 2]
    assert reached["cpu_seconds"] >= 0 and reached["commit"] and reached["machine"] and reached["date"].startswith("20")
    table = leaderboard_table([first, reached, missed])
    assert page.read_text() == f"before\n{leaderboard.BEGIN}{table}\n{leaderboard.END}\nafter\n"
    assert json.loads(here("benchmarks", "--json", *command).stdout) == [first, reached, missed]
    again = json.loads(here("benchmarks", "--json", *command, "--again", "--only", "reached").stdout)
    assert again[:3] == [first, reached, missed] and again[3]["name"] == "reached"


def test_the_page_shows_the_stored_lines():
    stored = leaderboard.read_lines(ROOT / "work" / "results" / "leaderboard" / leaderboard.LINES)
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert stored and f"{leaderboard.BEGIN}{leaderboard_table(stored)}\n{leaderboard.END}" in page


def test_the_first_line_of_a_data_set_has_its_goal():
    lines = [{"data": "a", "goal": 0.5}, {"data": "b", "goal": 0.2}, {"data": "a", "goal": 0.1}]
    assert [leaderboard._goal({"data": name}, lines) for name in ("a", "b", "c")] == [0.5, 0.2, None]


def test_the_table_takes_the_place_between_the_marks_and_no_other(tmp_path):
    docs = tmp_path / "speed.md"
    docs.write_text(f"before\n{leaderboard.BEGIN}old\n{leaderboard.END}\nafter ä\n", encoding="utf-8")
    leaderboard.write_table(docs, "| new |")
    assert docs.read_text(encoding="utf-8") == f"before\n{leaderboard.BEGIN}| new |\n{leaderboard.END}\nafter ä\n"
    for text in ("before\nafter\n", f"before\n{leaderboard.BEGIN}after\n", f"before\n{leaderboard.END}after\n"):
        docs.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="speed.md has no lines <!-- leaderboard --> and <!-- end of leaderboard -->"):
            leaderboard.write_table(docs, "| new |")
        assert docs.read_text(encoding="utf-8") == text  # what follows the marks is not lost
    with pytest.raises(InputError, match="cannot read .*nowhere.md: No such file"):
        leaderboard.write_table(tmp_path / "nowhere.md", "| new |")
