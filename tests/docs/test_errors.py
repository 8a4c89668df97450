"""The page of error messages quotes messages that the code has, as it prints them."""

import ast
import re

import pytest

from benchmarks.documents import ROOT, read

PAGES = [ROOT / "docs" / "errors.md", ROOT / "docs" / "zh" / "errors.md"]
ROW = re.compile(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", re.MULTILINE)
# What stands for something else: a nearest name, flags, …, and words such as RUN.
OPEN = re.compile(r"did you mean …\?|--[a-z-]+(?: \([\w.]+\))?(?: \w+)?|…|\b[A-Z]+\b")
SHORTEST = 10  # characters that a message must have beside those


def constants(path):
    """The texts of a file: each with the parts that are filled in as a blank character."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return "\n".join(found)


FILES = {path: constants(path) for path in sorted((ROOT / "paddle_gan_aug").rglob("*.py"))}


def parts(message):
    """The constant parts of a quoted message."""
    return [part for part in (piece.strip(" ,;:()'.") for piece in OPEN.split(message)) if len(part) > 1]


def source(message):
    """The files that have every constant part of a message."""
    return [path for path, texts in FILES.items() if all(part in texts for part in parts(message))]


def quoted(page):
    """(message, what it means, cure) of every row of a page."""
    return ROW.findall(read(page))


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_message_is_one(page):
    messages = [message for message, _, _ in quoted(page)]
    assert len(messages) > 60 and len(set(messages)) == len(messages)
    assert [message for message in messages if len("".join(parts(message))) < SHORTEST] == []
    assert [message for message in messages if not source(message)] == []


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_message_has_a_cure(page):
    assert len(quoted(page)) == len(re.findall(r"^\| `", read(page), re.MULTILINE))  # no row is written otherwise
    assert [message for message, _, cure in quoted(page) if "`" not in cure] == []


def test_both_languages_quote_the_same_messages():
    english, chinese = ([message for message, _, _ in quoted(page)] for page in PAGES)
    assert english == chinese
    codes = [[re.findall(r"`[^`]+`", cure) for _, _, cure in quoted(page)] for page in PAGES]
    assert codes[0] == codes[1]


def test_what_is_no_message_is_found_out():
    assert source("run RUN exists in FOLDER: choose another name for the run, or continue it with --resume")
    assert not source("run RUN exists in FOLDER: choose a nicer name")
    assert parts("batch size N is larger than the data, N images") == ["batch size", "is larger than the data", "images"]
