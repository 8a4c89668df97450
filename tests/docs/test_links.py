"""Every link and picture between the documents leads somewhere."""

import re

import pytest

from benchmarks.documents import PAGES, ROOT, anchors, prose, read

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = []
    for target in LINK.findall(prose(page)):
        if re.match(r"\w+:", target):
            continue  # another site
        place, _, anchor = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_of_the_guide_is_linked_from_the_readme():
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in read(ROOT / "README.md"), page.name
    for page in (ROOT / "docs" / "zh").glob("*.md"):
        assert f"(docs/zh/{page.name})" in read(ROOT / "README_cn.md"), page.name
