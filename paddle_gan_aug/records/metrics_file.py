"""metrics.jsonl, the record that counts: one JSON object a line, readable after any crash.

The file is read line by line with `json` because a damaged line must be found and left out; a reader of whole files would
refuse all of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from ..errors import InputError
from ..files import atomic_write, regular

METRICS_FILE = "metrics.jsonl"


def read_metrics(path: Union[str, Path]) -> List[Dict[str, Any]]:
    """Read a metrics.jsonl file as a list of dicts. A last line that a crash cut short is left out.

    Raises:
        InputError: the file is missing, or a line before the last is no JSON object.
    """
    lines = _lines(path)
    for number, (_, entry) in enumerate(lines, 1):
        if entry is None and number < len(lines):
            raise InputError(f"{path}, line {number} is damaged: it is no JSON object with a step")
    return [entry for _, entry in lines if entry is not None]


def cut_metrics(path: Union[str, Path], step: float) -> None:
    """Drop the lines of steps after `step`, and damaged lines. The file is replaced atomically, if it exists."""
    path = Path(path)
    if not path.exists():
        return
    kept = b"".join(line + b"\n" for line, entry in _lines(path) if entry is not None and entry["step"] <= step)
    if kept != path.read_bytes():
        with atomic_write(path) as file:
            file.write(kept)


def _lines(path: Union[str, Path]) -> List[Tuple[bytes, Optional[Dict[str, Any]]]]:
    """Each line without its end, and its object, or None where it is damaged."""
    try:
        lines = regular(path).read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return [(line, _entry(line)) for line in lines if line]


def _entry(line: bytes) -> Optional[Dict[str, Any]]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
