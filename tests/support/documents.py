"""What the tests of the documents read in them."""

import re
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "README_cn.md"]
GUIDE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*READMES, *GUIDE, ROOT / "work" / "README.md", ROOT / "work" / "recipes.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str = "") -> List[str]:
    """The code blocks of a page; with `language` those of that one alone."""
    return [code for name, code in BLOCK.findall(read(page)) if not language or name == language]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return BLOCK.sub("", read(page))


def inline_code(page: Path) -> List[str]:
    """What stands between backticks in the text of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def headings(page: Path) -> List[str]:
    """The headings of a page with their marks, such as "## Install"."""
    return re.findall(r"^#+ .*", prose(page), re.MULTILINE)


def anchors(page: Path) -> List[str]:
    """The names by which links point at the headings of a page, as GitHub makes them."""
    texts = (re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()) for heading in headings(page))
    return [text.strip().replace(" ", "-") for text in texts]
