"""`export`: write a trained run for programs that know Paddle alone."""

from __future__ import annotations

import argparse

from .result import Result


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("run", metavar="RUN", help="Export the networks of this run.")
    parser.add_argument("--to", required=True, metavar="DIR", help="Write the files into this folder, which is new or empty.")
    parser.add_argument(
        "--format",
        dest="form",
        default="paddle",
        choices=["paddle", "onnx"],
        help="Write models of Paddle Inference, or of ONNX (needs paddle2onnx and onnxruntime).",
    )
    parser.add_argument(
        "--checkpoint", default="last", metavar="last|best|N", help="Use the last checkpoint, the best one, or that of a step."
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="Use N CPU threads; 0 means one per physical core.")


def run(args: argparse.Namespace) -> Result:
    """Run `export`."""
    from ..runs.export import export
    from ..runs.inference import EXAMPLE, README, TOLERANCE

    done = export(args.run, to=args.to, form=args.form, checkpoint=args.checkpoint, threads=args.threads)
    lines = [f"exported step {done.step} to {done.folder}"]
    for model in done.models:
        size = sum((done.folder / name).stat().st_size for name in model.files) / 1e6
        lines.append(
            f"{model.name}: {', '.join(model.files)} ({size:.1f} MB); loaded back, it differs from the run by at most "
            f"{model.difference:.1e} ({TOLERANCE:g} is allowed)"
        )
    lines.append(f"{README} says what goes in and comes out; try it: python {done.folder / EXAMPLE}")
    models = [{"name": model.name, "files": list(model.files), "difference": model.difference} for model in done.models]
    return Result({"folder": str(done.folder), "step": done.step, "models": models}, "\n".join(lines))
