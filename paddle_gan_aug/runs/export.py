"""A trained run as files for programs that know Paddle alone."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from ..config.arguments import checked
from .inference import Exported, check_target
from .opened import Run, open_run


@checked
def export(
    run: Union[str, Path, Run],
    *,
    to: Union[str, Path],
    form: str = "paddle",
    checkpoint: Union[str, int] = "last",
    threads: int = 0,
) -> Exported:
    """Write the networks of a run for programs that do not know this package.

    A GAN gives a generator (latents float32 [N, latent_dim], and labels int64 [N] if it is conditional -> images float32
    [N, C, H, W] in [-1, 1]), a `dagan` or `learned-augmenter` a variation (images and noise -> images), a classifier its
    probabilities (images -> float32 [N, classes]). The batch may have any size. Every network is loaded back and must give what
    the run gives, to 1e-5. Beside it lie model.json and README.txt, which say what goes in and comes out, and example.py.

    Args:
        run: The run's folder, its name in `output`, or an opened `Run`.
        to: A folder that is missing or empty.
        form: "paddle" (for Paddle Inference), or "onnx", which needs paddle2onnx and onnxruntime.
        checkpoint: "last", "best" or a step; of a run that is not opened yet.
        threads: CPU threads; 0 means one per physical core.

    Returns:
        An `Exported`.

    Raises:
        InputError: There is no such run, checkpoint or form; the folder is in use; what the form needs is not installed.
        RunFailed: A network cannot be converted, or gives other numbers once it is loaded back; nothing is left then.

    Example:
        >>> export("output/my-run", to="my-model")
    """
    to = check_target(to, form)
    opened = run if isinstance(run, Run) else open_run(run, checkpoint=checkpoint, device="cpu", threads=threads)
    return opened.export(to, form=form)
