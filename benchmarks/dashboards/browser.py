"""Serves a dashboard in a process of its own, and opens its pages in Chromium.

Chromium is the one on PATH, or the one that CHROMIUM names; Playwright is in this Python, or in the one that PLAYWRIGHT_PYTHON names.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from paddle_gan_aug.errors import InputError, RunFailed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = os.environ.get("PLAYWRIGHT_PYTHON", sys.executable)


def chromium() -> Optional[str]:
    """The browser, or None."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def lacking() -> Optional[str]:
    """What is missing to open a page, or None."""
    if not chromium():
        return "there is no chromium on PATH, and CHROMIUM names none"
    if subprocess.run([PYTHON, "-c", "import playwright"], capture_output=True).returncode:
        return f"{PYTHON} has no Playwright: pip install playwright"
    return None


@contextlib.contextmanager
def served(log: Path, language: str = "en") -> Iterator[str]:
    """The address of a dashboard on a log folder, below which its pages are."""
    command = [sys.executable, "-m", "paddle_gan_aug", "dashboard", str(log), "--port=0", "--language", language]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        line = process.stdout.readline()
        yield re.search(r"(http://127\.0\.0\.1:\d+/app)/index", line)[1]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def run_program(program: str, *arguments: Any, given: Any = None) -> Any:
    """Run a program of this folder in the Python that has Playwright.

    Args:
        program: its file. arguments: as on a command line. given: plain values, which the program reads as JSON.

    Returns:
        What it prints, read as JSON.

    Raises:
        InputError: no browser, or no Playwright. RunFailed: the program failed.
    """
    if lacking():
        raise InputError(lacking())
    done = subprocess.run(
        [PYTHON, str(HERE / program), *map(str, arguments)],
        input=json.dumps(given),
        env={**os.environ, "CHROMIUM": chromium()},
        capture_output=True,
        encoding="utf-8",
        timeout=900,
    )
    if done.returncode:
        raise RunFailed(f"{program}: " + " ".join(done.stderr.split())[-400:])
    return json.loads(done.stdout)


def see_pages(addresses: Dict[str, str], folder: Optional[Path] = None) -> Dict[str, Dict[str, Any]]:
    """{name: {page: what it shows}} of dashboards, with screenshots in a folder; without one their seconds alone: see `see_pages.py`."""
    to = ["--to", folder] if folder else []
    return run_program("see_pages.py", *(f"{name}={address}" for name, address in addresses.items()), *to)


def page_seconds(address: str) -> Dict[str, float]:
    """{page: seconds until it shows data} of a dashboard, opened one after the other."""
    return {page: seen["seconds"] for page, seen in see_pages({"dashboard": address})["dashboard"].items()}
