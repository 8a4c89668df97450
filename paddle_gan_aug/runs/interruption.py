"""What a training says when it is interrupted: that nothing is lost, and how it goes on."""

from __future__ import annotations

from typing import Callable, Optional

from ..console import in_notebook
from ..errors import Interrupted
from ..training.checkpoint import whole_steps
from .opened import Run
from .places import run_folders
from .prepare import Prepared


def trained_or_told(prepare: Callable[[], Prepared], train: Callable[[Prepared], Run]) -> Run:
    """Train what was prepared. A notebook, which has no command line that would say so, is told how an interrupted run goes on.

    Raises:
        Interrupted: no step was to be ended, or the signal came a second time.
    """
    prepared: Optional[Prepared] = None
    try:
        prepared = prepare()
        run = train(prepared)
    except KeyboardInterrupt:
        raise Interrupted(_left(prepared)) from None
    if run.interrupted and in_notebook():
        prepared.report(f"interrupted ({run.interrupted}) at step {run.step}, checkpoint saved; continue with {_call(prepared)}")
    return run


def _left(prepared: Optional[Prepared]) -> str:
    """What there is of a training that was interrupted at once."""
    steps = whole_steps(prepared.folder / "checkpoints") if prepared else []
    if steps:
        return f"interrupted at once: the checkpoint of step {steps[-1]} is kept; continue with {_call(prepared)}"
    return "interrupted before the first checkpoint: nothing was trained; call train again"


def _call(prepared: Prepared) -> str:
    """The call that continues a run."""
    output, log = run_folders(None, None)
    places = "" if prepared.folder.parent == output else f", output={str(prepared.folder.parent)!r}"
    places += "" if prepared.log == log else f", log={str(prepared.log)!r}"
    return f"train(run={prepared.folder.name!r}{places}, resume=True)"
