"""Trained networks as files for programs that know Paddle Inference or ONNX Runtime alone, each loaded back and compared."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Sequence, Tuple, Union

import numpy as np

from .. import __version__
from ..errors import InputError, RunFailed
from ..files import atomic_write, check_new_folder, expanded, make_folder, write_json
from ..runtime import cpu_threads, import_paddle
from .inference_texts import described, example, readme

if TYPE_CHECKING:
    from ..algorithms.inference import InferenceModel

BATCHES = (1, 7, 64)  # how many items are computed by both: a batch may have any size
TOLERANCE = 1e-5  # the largest difference that passes; pixels go from -1 to 1, probabilities from 0 to 1
OPSET = 13  # of ONNX
CONVERT = "import sys, paddle2onnx; paddle2onnx.export(*sys.argv[1:4], opset_version=int(sys.argv[4]))"
DESCRIPTION, README, EXAMPLE = "model.json", "README.txt", "example.py"


@dataclass(frozen=True)
class ExportedModel:
    """A network that was exported.

    Attributes:
        name: "generator", "variation" or "classifier".
        files: The names of its files.
        difference: The largest difference between what the files give and what the run gives, at most `TOLERANCE`.
    """

    name: str
    files: Tuple[str, ...]
    difference: float


@dataclass(frozen=True)
class Exported:
    """What `export` has written.

    Attributes:
        folder: Where the files lie.
        models: An `ExportedModel` for each network of the run.
        step: The training step of the run.
    """

    folder: Path
    models: Tuple[ExportedModel, ...]
    step: int


def check_target(to: Union[str, Path], form: str) -> Path:
    """The folder `to`, if models can be exported there.

    Raises:
        InputError: The folder is in use or cannot be made, there is no such form, or what the form needs is not installed.
    """
    if form not in FORMS:
        raise InputError(f"form {form}: there is none of this name; choose one of {', '.join(FORMS)}")
    if form == "onnx":
        _check_onnx()
    return check_new_folder(expanded(to))


def _check_onnx() -> None:
    paddle = import_paddle()
    lacking = [name for name in ("paddle2onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    version = "paddle2onnx<2" if paddle.__version__.startswith("2.") else "paddle2onnx>=2"
    if lacking:
        raise InputError(f"form onnx: it needs {' and '.join(lacking)}: pip install '{version}' onnxruntime")
    from importlib.metadata import version as installed

    if installed("paddle2onnx").startswith("1.") != paddle.__version__.startswith("2."):
        raise InputError(f"paddle2onnx {installed('paddle2onnx')} reads no models of Paddle {paddle.__version__}: pip install '{version}'")


def write_models(run: Any, to: Path, form: str) -> Exported:
    """Write the networks of an opened `Run` into a folder that `check_target` gave; see `export`."""
    algorithm, shape = run.algorithm, run.state["image_shape"]
    make_folder(to)
    try:
        done, rows = [], []
        for model in algorithm.inference_models(shape):
            write, load = FORMS[form]
            files = write(model, to)
            difference = _difference(model, load([to / name for name in files]))
            if not difference <= TOLERANCE:  # NaN is no number below it either
                raise RunFailed(f"the {model.name} of run {run.folder.name} gives other numbers once it is loaded back: {difference:.2g}")
            done.append(ExportedModel(model.name, files, difference))
            rows.append({**described(model, files), "compared": {"batches": BATCHES, "difference": difference, "tolerance": TOLERANCE}})
        description = {**_origin(run), "form": form, "models": rows}
        for name, text in ((README, readme(description)), (EXAMPLE, example(description))):
            with atomic_write(to / name, "w") as file:
                file.write(text)
        write_json(to / DESCRIPTION, description)
    except BaseException:
        shutil.rmtree(to, ignore_errors=True)
        raise
    return Exported(to, tuple(done), run.step)


def _origin(run: Any) -> Dict[str, Any]:
    """What the description says of the run."""
    classes, learnt = run.state["data"]["class_names"], getattr(run.algorithm, "learnt_classes", None)
    return {
        "version": 1,
        "made_by": f"paddle_gan_aug {__version__}, Paddle {import_paddle().__version__}",
        "run": run.folder.name,
        "step": run.step,
        "weights_sha256": run.weights_sha256,
        "algorithm": run.config.algorithm,
        "classes": list(classes),
        "learnt_classes": list(classes) if learnt is None else [classes[index] for index in learnt],
        "class": run.config.data.class_name,
    }


def _difference(model: InferenceModel, predict: Callable[..., np.ndarray]) -> float:
    """The largest difference between what the files and the algorithm give for the same inputs, over `BATCHES`."""
    rng, largest = np.random.default_rng(0), 0.0
    for count in BATCHES:
        arrays = model.example(count, rng)
        found, expected = predict(*arrays), model.compute(*arrays)
        if found.shape != expected.shape:
            raise RunFailed(f"the {model.name} gives {list(found.shape)} once it is loaded back, not {list(expected.shape)}")
        largest = max(largest, float(np.abs(found - expected).max()), key=lambda number: np.inf if np.isnan(number) else number)
    return largest


# ---- Paddle Inference --------------------------------------------------------------------------------------------------


def _write_paddle(model: InferenceModel, to: Path) -> Tuple[str, ...]:
    """Write a network as a model of Paddle Inference; returns the names of its files."""
    paddle = import_paddle()
    model.network.eval()
    specs = [paddle.static.InputSpec([None, *port.shape], port.dtype, name=port.name) for port in model.inputs]
    paddle.jit.save(model.network, str(to / model.name), input_spec=specs)
    (to / f"{model.name}.pdiparams.info").unlink(missing_ok=True)  # for training on, with Paddle 2
    program = next(name for name in (f"{model.name}.json", f"{model.name}.pdmodel") if (to / name).is_file())
    return program, f"{model.name}.pdiparams"


def _load_paddle(files: Sequence[Path]) -> Callable[..., np.ndarray]:
    """Load a model of Paddle Inference on the CPU: arrays of its inputs in their order -> the array of its output."""
    from paddle.inference import Config, create_predictor

    config = Config(*map(str, files))
    config.disable_glog_info()
    config.disable_mkldnn()  # Paddle 3.3 crashes with it on some networks
    config.set_cpu_math_library_num_threads(cpu_threads())
    predictor = create_predictor(config)

    def predict(*arrays: np.ndarray) -> np.ndarray:
        for name, array in zip(predictor.get_input_names(), arrays):
            predictor.get_input_handle(name).copy_from_cpu(array)
        predictor.run()
        return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()

    return predict


# ---- ONNX --------------------------------------------------------------------------------------------------------------


def _write_onnx(model: InferenceModel, to: Path) -> Tuple[str, ...]:
    """Write a network as a model of ONNX; returns the name of its file.

    paddle2onnx ends the process where it does not know an operation: hence one of its own.
    """
    files, name = _write_paddle(model, to), f"{model.name}.onnx"
    command = [sys.executable, "-c", CONVERT, *(str(to / file) for file in (*files, name)), str(OPSET)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode or not (to / name).is_file():
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line or "unsupported" in line]
        raise RunFailed(f"paddle2onnx cannot convert the {model.name}: {said[-1] if said else 'it ended without a reason'}")
    for file in files:
        (to / file).unlink()
    return (name,)


def _load_onnx(files: Sequence[Path]) -> Callable[..., np.ndarray]:
    """Load a model of ONNX; see `_load_paddle`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = cpu_threads(), 3
    session = onnxruntime.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
    names: List[str] = [port.name for port in session.get_inputs()]
    return lambda *arrays: session.run(None, dict(zip(names, arrays)))[0]


FORMS = {"paddle": (_write_paddle, _load_paddle), "onnx": (_write_onnx, _load_onnx)}
