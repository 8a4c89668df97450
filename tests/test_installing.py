"""What is said of installing agrees: pyproject.toml, both requirements files, the README and the script that tries it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

try:
    import tomllib
except ImportError:  # Python 3.9 and 3.10; mypy brings it
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def together(lines):
    """{name: what may be installed of it} of requirements."""
    found = {}
    for line in lines:
        row = Requirement(line)
        found[row.name] = found.get(row.name, row.specifier) & row.specifier
    return found


def admit_the_same(one, other):
    """Whether two ranges admit the same versions, judged at all of their ends and just after them."""
    ends = {row.version for row in (*one, *other)}
    return all(one.contains(version) == other.contains(version) for end in ends for version in (end, f"{end}.0.1"))


@pytest.mark.parametrize("name, extra", [("requirements.txt", "gpu"), ("requirements-cpu.txt", "cpu")])
def test_a_requirements_file_says_what_the_package_says(name, extra):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    listed = together(line for line in lines if not line.startswith("#"))
    wanted = together([*PROJECT["dependencies"], *EXTRAS[extra], *(line for line in EXTRAS["dev"] if not line.startswith("ruff"))])
    assert listed.keys() == wanted.keys()
    assert [own for own in listed if not admit_the_same(listed[own], wanted[own])] == []


def test_the_same_pythons_are_named_everywhere():
    oldest, after = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    tried = re.search(r"for version in ([\d. ]+); do", (ROOT / ".ci" / "pythons").read_text(encoding="utf-8"))[1].split()
    assert tried == [f"3.{minor}" for minor in range(int(oldest), int(after))]
    assert f"Python {tried[0]} to {tried[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {tried[0]} 至 {tried[-1]}" in (ROOT / "README_cn.md").read_text(encoding="utf-8")


def pythons(*arguments, path=os.environ["PATH"]):
    bash = shutil.which("bash")
    return subprocess.run([bash, ROOT / ".ci" / "pythons", *arguments], capture_output=True, text=True, env={"PATH": path})


def test_the_script_says_what_it_lacks(tmp_path):
    done = pythons("--most")
    assert (done.returncode, done.stderr) == (2, "usage: .ci/pythons [--all]\n")
    for program in ("dirname", "sort"):
        (tmp_path / program).symlink_to(shutil.which(program))
    done = pythons(path=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "no python3.9 to python3.13 on PATH or in pyenv: the wheel was tried with none\n")
    assert done.stderr == ""
