"""docs/README.md is the guide's table of contents: questions in the order in which they come up, each with a link to its section."""

import re

import pytest

from benchmarks.documents import ROOT, read

PAGES = [ROOT / "docs" / "README.md", ROOT / "docs" / "zh" / "README.md"]
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]*)(?:#[^)]*)?\)")
ORDER = (  # what a newcomer asks, one after the other: a page, and a word of the answer
    ("../README.md", "two minutes"),
    ("augmenting.md", "few labels"),
    ("semi-supervised.md", "without any"),
    ("study.md", "help"),
    ("results.md", "Which GAN"),
    ("dashboards.md", "curves"),
    ("scale.md", "GPU"),
    ("training.md", "interrupted"),
    ("errors.md", "cures"),
    ("scale.md", "several processes"),
    ("scale.md", "larger than the memory"),
    ("export.md", "elsewhere"),
)


def rows(page):
    """(question, answer, where) of every row but the heads of the tables."""
    return [row for row in ROW.findall(read(page)) if set("".join(row)) - set("-: ") and LINK.search(row[2])]


def test_the_questions_are_in_order():
    found = rows(PAGES[0])
    places = []
    for page, word in ORDER:
        (number,) = [number for number, (question, _, where) in enumerate(found) if word in question and f"({page}" in where]
        places.append(number)
    assert places == sorted(places)


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_each_has_an_answer_of_one_sentence(page):
    found = rows(page)
    assert len(found) > 20 and len({question for question, _, _ in found}) == len(found)
    for _, answer, _ in found:
        assert answer.endswith((".", "。")) and not re.search(r"\. [A-Z]|。.", answer), answer


def test_every_page_has_a_question():
    linked = {target for page in PAGES for _, _, where in rows(page) for target in LINK.findall(where)}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - linked == {"README.md"}


def test_both_languages_lead_to_the_same_pages():
    english, chinese = ([LINK.findall(where) for _, _, where in rows(page)] for page in PAGES)
    for ours, theirs in zip(english, chinese):
        expected = [name if (ROOT / "docs" / "zh" / name).exists() else f"../{name}" for name in ours if name != "../README.md"]
        assert [name for name in theirs if name != "../../README_cn.md"] == expected
    assert len(english) == len(chinese)
