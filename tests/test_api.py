"""The public API: its names are the same for people, for Python and for tools, and a program that uses them is well typed."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import paddle_gan_aug

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "paddle_gan_aug"
EXAMPLE = ROOT / "tests" / "api_example.py"


def source():
    return (PACKAGE / "__init__.py").read_text(encoding="utf-8")


def names_for_tools():
    """{name: the module that it comes from} below `if TYPE_CHECKING:`."""
    (block,) = [node for node in ast.parse(source()).body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return {alias.name: f"paddle_gan_aug.{node.module}" for node in block.body for alias in node.names}


def test_the_public_api_is_documented_and_loads():
    for name in paddle_gan_aug.__all__:
        assert re.search(rf'"{name}": .*#', source()), f"{name} has no line of documentation"
        assert getattr(paddle_gan_aug, name).__doc__
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = paddle_gan_aug.nothing_like_it
    assert set(paddle_gan_aug.__all__) <= set(dir(paddle_gan_aug))


def test_tools_see_the_names_that_python_loads():
    assert names_for_tools() == paddle_gan_aug._PUBLIC
    assert sorted(names_for_tools()) == paddle_gan_aug.__all__


def test_importing_the_package_loads_nothing_public():
    code = "import sys, paddle_gan_aug; print(sorted(name for name in sys.modules if name.startswith('paddle_gan_aug.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "['paddle_gan_aug.errors', 'paddle_gan_aug.runtime']\n"


def test_the_types_are_shipped():
    assert (PACKAGE / "py.typed").exists()
    assert re.search(r'^paddle_gan_aug = \[.*"py.typed"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_the_example_uses_every_public_name():
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "pga"}
    assert used == set(paddle_gan_aug.__all__)


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_a_program_that_uses_the_api_is_well_typed(tmp_path):
    """What is checked, and how strictly, stands in pyproject.toml."""
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
