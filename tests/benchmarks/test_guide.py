"""`guide` runs the documents' commands as they stand: rows, pages that begin anew, and what is left out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import guide as module
from benchmarks.guide import Step, guide, prepare, steps
from benchmarks.tables import guide_table


def test_every_command_is_run_or_left_out_for_a_reason():
    found = list(steps())
    assert len({step.name for step in found}) == len(found) > 60
    run = [step.command for step in found if not step.left_out]
    assert "python train.py --gan fast --run digits" in run and "jupyter execute work/01-classic-gan.ipynb" in run
    left_out = {step.command: step.left_out for step in found if step.left_out}
    assert left_out["python -m paddle_gan_aug dashboard"] == "serves until it is stopped"
    assert left_out["pip install -r requirements-cpu.txt"] == "installs packages"
    assert left_out["python -m paddle_gan_aug cache --clear"] == "deletes what other commands keep"
    others = {why for _, why in module.LEFT_OUT} - set(left_out.values())
    assert others <= {"no command of this program"}  # any other reason that no command has is of a command that was renamed
    assert all(command.startswith(("python ", "jupyter ")) for command in run)


def test_the_folder_of_a_page_has_what_its_commands_name(tmp_path):
    folder = tmp_path / "page"
    prepare(folder)
    assert (folder / "train.py").is_file() and (folder / "work" / "mnist").is_dir() and not (folder / "output").exists()
    assert {len(list((folder / "my-images" / digit).iterdir())) for digit in "0123456789"} == {module.PICTURES}
    assert len(list((folder / "more-images").iterdir())) == module.MORE and (folder / "picture.png").is_file()
    done = subprocess.run([sys.executable, "train.py", "--list-presets"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "sngan-projection" in done.stdout


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page of three commands that take no time, and where their rows and its folder are."""
    fails = "import os; raise SystemExit('no: ' + os.getcwd())"
    commands = [f'python -c "{code}"' for code in ("open('made', 'w')", "open('made')", fails)]
    found = [*(Step("page", command) for command in commands), Step("page", "pip install x", "installs packages")]
    monkeypatch.setattr(module, "steps", lambda: iter(found))
    monkeypatch.setattr(module, "prepare", lambda folder: folder.mkdir(parents=True))
    return found, str(tmp_path / "rows"), str(tmp_path / "folders")


def test_rows_are_stored_and_skipped(page, tmp_path):
    (first, second, third, _), to, folder = page
    said = []
    rows, table = guide(to, folder, say=said.append)
    assert [(row["command"], row["exit_code"]) for row in rows] == [(first.command, 0), (second.command, 0), (third.command, 1)]
    assert rows[2]["said"] == "no: ." and rows[0]["cores"] >= 1
    assert list(rows[0]) == ["page", "command", "exit_code", "seconds", "cpu_seconds", "paddle", "cores", "machine"]
    assert len(said) == 6 and table.splitlines()[-1] == "not run: pip install x (installs packages)"
    assert json.loads((tmp_path / "rows" / f"{first.name}.json").read_text()) == rows[0]
    assert guide(to, folder, say=said.append)[0] == rows and len(said) == 6
    (tmp_path / "rows" / f"{second.name}.json").unlink()
    assert len(guide(to, folder, stored=True)[0]) == 2
    guide(to, folder, say=said.append)
    assert said[6:] == [f"page: {second.command}", said[7]]  # the folder has what the first has made


def test_a_page_begins_anew_where_its_folder_is_gone_or_a_command_was_stopped(page, tmp_path):
    (first, second, third, _), to, folder = page
    guide(to, folder, say=lambda text: None)
    (tmp_path / "rows" / f"{second.name}.json").unlink()
    (Path(folder) / "page" / module.BEGUN).write_text(second.command)
    (Path(folder) / "page" / "half-written").write_text("")
    said = []
    guide(to, folder, say=said.append)
    assert said[::2] == [f"page: {step.command}" for step in (first, second, third)]
    assert not (Path(folder) / "page" / "half-written").exists()
    assert [row["command"] for row in guide(to, folder, only=["open('made')"], stored=True)[0]] == [second.command]


def test_the_table():
    row = {"page": "README", "command": "python a | b", "exit_code": 2, "seconds": 1.26, "cpu_seconds": 0.5, "paddle": "3.3.1", "cores": 2}
    assert guide_table([row], []).splitlines()[-1] == "| README | `python a \\| b` | 2 | 1.3 | 0.5 | 3.3.1 | 2 |"
