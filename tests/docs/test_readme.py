"""The README is one page in two languages that say the same, and what it lists is what there is."""

import ast
import inspect
import re

import pytest

from benchmarks.documents import BLOCK, PAGES, READMES, ROOT, blocks, headings, read
from paddle_gan_aug.config.loading import presets

LARGEST = 10_240  # bytes


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_it_is_short(readme):
    assert len(readme.read_bytes()) <= LARGEST


def test_both_languages_say_the_same_line_for_line():
    english, chinese = ([re.match(r"#+|\||```|!|-|\[|\*\*|$", line) for line in read(page).split("\n")[1:]] for page in READMES)
    assert [mark and mark[0] for mark in english] == [mark and mark[0] for mark in chinese]


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "zh").glob("*.md")), ids=lambda page: page.name)
def test_chinese_pages_follow_the_english_ones(page):
    original = ROOT / "docs" / page.name
    assert blocks(page) == blocks(original)
    assert [len(heading.split(" ")[0]) for heading in headings(page)] == [len(heading.split(" ")[0]) for heading in headings(original)]
    assert len(re.findall(r"^\|", read(page), re.MULTILINE)) == len(re.findall(r"^\|", read(original), re.MULTILINE))


def test_code_blocks_are_identical():
    assert blocks(READMES[0]) == blocks(READMES[1]) != []


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_it_lists_every_preset(readme):
    (table,) = re.findall(r"^## (?:Presets|预设)\n(.*?)^## ", read(readme), re.MULTILINE | re.DOTALL)
    listed = [name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)]
    assert sorted(listed) == sorted(presets())


def test_it_lists_every_room():
    tree = blocks(READMES[0])[-2]
    rooms = {path.name for path in (ROOT / "paddle_gan_aug").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(re.findall(r"(\w+)/ ", tree))


def test_the_line_that_the_check_runs_is_there():
    line = "pip install -r requirements.txt && python -m pytest"
    assert [line for code in blocks(READMES[0], "bash") for line in code.splitlines()].count(line) == 1


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ("api.md", "extending.md")], ids=lambda page: page.name)
def test_the_python_lines_use_public_names_and_their_arguments(page):
    import paddle_gan_aug

    calls = 0
    for node in (node for code in blocks(page, "python") for node in ast.walk(ast.parse(code))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pga":
            assert node.attr in paddle_gan_aug.__all__
        if isinstance(node, ast.Call) and re.fullmatch(r"pga\.\w+", ast.unparse(node.func)):
            calls += 1
            function = getattr(paddle_gan_aug, node.func.attr)
            inspect.signature(function).bind(*node.args, **{word.arg: word.value for word in node.keywords})
    assert calls or "python" not in {language for language, _ in BLOCK.findall(read(page))}
