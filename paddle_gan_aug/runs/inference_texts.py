"""What is written beside exported networks: their description, how to use them, and an example that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Sequence

from ..algorithms.ports import DRAWN, Port

if TYPE_CHECKING:
    from ..algorithms.inference import InferenceModel

SHOWN = 8  # items of the example
PREPARE = "pixels / 127.5 - 1 of uint8 pixels from 0 to 255, channels first; RGB where there are three"
FINISH = "round((images + 1) * 127.5), as uint8"

PADDLE = """\
from pathlib import Path
import numpy as np
from paddle.inference import Config, create_predictor
here = Path(__file__).parent
config = Config({files})
config.disable_mkldnn()  # Paddle 3.3 crashes with it on some networks
predictor = create_predictor(config)
rng = np.random.default_rng(0)
inputs = {inputs}
for name, array in inputs.items():
    predictor.get_input_handle(name).copy_from_cpu(array)
predictor.run()
{output} = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
{use}
"""
ONNX = """\
from pathlib import Path
import numpy as np
import onnxruntime
here = Path(__file__).parent
session = onnxruntime.InferenceSession({files}, providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
inputs = {inputs}
{output} = session.run(None, inputs)[0]
{use}
"""
IMAGES = """\
pixels = np.rint((images + 1) * 127.5).astype(np.uint8)
print(pixels.shape, pixels.min(), pixels.max())"""
PROBABILITIES = "print(probabilities.argmax(1), probabilities.max(1))"


def described(model: InferenceModel, files: Sequence[str]) -> Dict[str, Any]:
    """What the description says of a network, as plain JSON."""
    of_images = model.output.name == "images"
    takes_images = any(port.name == "images" for port in model.inputs)
    return {
        "name": model.name,
        "files": list(files),
        "inputs": [_port(port) for port in model.inputs],
        "output": _port(model.output),
        **({"images_from_pixels": PREPARE} if takes_images else {}),
        **({"pixels_from_images": FINISH} if of_images else {}),
    }


def _port(port: Port) -> Dict[str, Any]:
    row: Dict[str, Any] = {"name": port.name, "dtype": port.dtype, "shape": [-1, *port.shape], "meaning": port.meaning}
    if port.low is not None:
        row["range"] = [port.low, port.high]
    if port.parts:
        row["parts"] = [{"count": count, "drawn": how} for count, how in port.parts]
    return row


def readme(description: Dict[str, Any]) -> str:
    """README.txt, of a description."""
    lines = [
        f"{description['run']}, step {description['step']}: made by {description['made_by']}.",
        "The same facts are in model.json; example.py runs what is here (python example.py).",
        "",
    ]
    for model in description["models"]:
        compared = model["compared"]
        batches, difference, tolerance = compared["batches"], compared["difference"], compared["tolerance"]
        lines += [f"{model['name']}: {', '.join(model['files'])}"]
        lines += [f"  input  {_said(port)}" for port in model["inputs"]]
        lines += [f"  output {_said(model['output'])}"]
        lines += [f"  {key.replace('_', ' ')}: {model[key]}" for key in ("images_from_pixels", "pixels_from_images") if key in model]
        items = ", ".join(map(str, batches))
        lines += [f"  loaded back with {items} items: differs from the run by {difference:.1e} (at most {tolerance})"]
    lines += ["", "A batch may have any size, the N of the shapes."]
    if description["class"] is not None:
        lines += [f"It learnt one class: {description['class']}."]
    lines += ["Classes:", *(f"  {number} {name}" for number, name in enumerate(description["classes"]))]
    unlearnt = [name for name in description["classes"] if name not in description["learnt_classes"]]
    lines += [f"Without training images, so not to be asked for: {', '.join(unlearnt)}."] * bool(unlearnt)
    return "\n".join(lines) + "\n"


def _said(port: Dict[str, Any]) -> str:
    shape = ", ".join("N" if size == -1 else str(size) for size in port["shape"])
    text = f"{port['name']}: {port['dtype']} [{shape}], {port['meaning']}"
    if "range" in port:
        text += " ({:g} to {:g})".format(*port["range"])
    if "parts" in port:
        text += ": " + ", then ".join(f"{part['count']} {part['drawn']}" for part in port["parts"])
    return text


def example(description: Dict[str, Any]) -> str:
    """example.py, of a description: it runs the first network with what Paddle (or ONNX Runtime) and NumPy offer."""
    model = description["models"][0]
    files = ", ".join(f'str(here / "{name}")' for name in model["files"])
    classes = [description["classes"].index(name) for name in description["learnt_classes"]]
    inputs = ", ".join(f'"{port["name"]}": {_drawn(port, classes)}' for port in model["inputs"])
    use = IMAGES if model["output"]["name"] == "images" else PROBABILITIES
    template = ONNX if description["form"] == "onnx" else PADDLE
    return template.format(files=files, inputs=f"{{{inputs}}}", output=model["output"]["name"], use=use)


def _drawn(port: Dict[str, Any], classes: List[int]) -> str:
    """Code that draws an input; `classes` are those that have been learnt."""
    if port["name"] == "labels":
        return f"np.array({[classes[i % len(classes)] for i in range(SHOWN)]}, np.int64)"
    if "parts" not in port:
        return f"rng.uniform(-1, 1, ({', '.join(map(str, [SHOWN, *port['shape'][1:]]))})).astype(np.float32)"
    codes: List[str] = [DRAWN[part["drawn"]].format(n=part["count"], count=SHOWN) for part in port["parts"]]
    return codes[0] if len(codes) == 1 else f"np.concatenate([{', '.join(codes)}], axis=1)"
