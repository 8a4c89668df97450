"""What is written in the documents: their code blocks, commands, headings and links, for `guide` and for the tests."""

import re
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).resolve().parents[1]
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


def command_lines(page: Path) -> Iterator[str]:
    """The commands in the blocks of a page that a shell reads, one by one, without comments."""
    for code in blocks(page, "bash"):
        lines = (re.sub(r"\s+#.*", "", line).strip() for line in code.splitlines())
        yield from filter(None, lines)


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
