"""One row for each metric, and every list follows from the rows."""

import ast
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation import registry
from paddle_gan_aug.evaluation.registry import INSTEAD_OF_BEST, METRICS, Metric, check_measures, during_training, register, select

PACKAGE = Path(paddle_gan_aug.__file__).parent
GOOD = {"name": "brightness", "compute": "somewhere:compute", "better": "lower", "says": "How bright the images are."}


@pytest.mark.parametrize("name", METRICS)
def test_every_row_leads_to_functions(name):
    row = METRICS[name]
    assert callable(row.function("compute")) and row.function("compute").__doc__
    for attribute in ("floor", "rows"):
        if ":" in (getattr(row, attribute) or ""):
            assert callable(row.function(attribute))
    assert format(0.123, row.format)


def test_every_measure_has_a_row():
    """A function `measure_<name>(sides)` without a row is a metric that was forgotten."""
    named = {row.compute.split(":")[1] for row in METRICS.values()}
    files = [*PACKAGE.glob("metrics/*.py"), *PACKAGE.glob("evaluation/*.py")]
    functions = [node for path in files for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    measures = {node.name for node in functions if [argument.arg for argument in node.args.args] == ["sides"] and node.name[0] != "_"}
    floors = {row.floor.split(":")[1] for row in METRICS.values() if ":" in (row.floor or "")}
    assert measures - floors == named


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Bright"},
        {"name": "count"},
        {"compute": "somewhere.compute"},
        {"better": ""},
        {"says": "brightness"},
        {"floor": "valid"},
        {"rows": "rows"},
        {"needs": ("names",)},
        {"chooses": True},
        {"chooses": True, "during_training": True, "better": "0.5"},
        {"on_request": True, "during_training": True},
    ],
)
def test_a_wrong_row_fails_at_once(wrong):
    Metric(**GOOD)
    with pytest.raises(ValueError, match="metric .*: its "):
        Metric(**{**GOOD, **wrong})


def test_two_rows_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two metrics kid"):
        register(METRICS["kid"])


def test_the_lists_follow_from_the_rows(monkeypatch):
    assert set(INSTEAD_OF_BEST) <= {name for name, row in METRICS.items() if row.chooses} <= set(during_training()) <= set(METRICS)
    assert not METRICS["recall"].is_better(0.1, 0.2) and METRICS["kid"].is_better(0.1, 0.2)
    names = [row.name for row in select(known=("labels",))]
    assert "agreement" in names and "code_accuracy" not in names and "classifier_accuracy_score" not in names
    assert [row.name for row in select([], also=("kid",))] == ["kid"]
    with pytest.raises(InputError, match="eval.best: expected one of .*got 'inception_score'"):
        check_measures(load_config("classic", {"eval.best": "inception_score"}))
    bright = Metric(**{**GOOD, "name": "bright", "during_training": True, "chooses": True})
    monkeypatch.setattr(registry, "METRICS", {**METRICS, "bright": bright})
    check_measures(load_config("classic", {"eval.best": "bright"}))


def test_the_registry_does_without_numpy():
    import subprocess

    code = "import sys, paddle_gan_aug.evaluation.registry; sys.exit('paddle' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent).returncode == 0


def test_a_metric_of_someone_elses_is_measured_shown_and_drawn(here, process, tmp_path, monkeypatch):
    """One function and one row: it is in the JSON, with a floor, in the table and on the page."""
    from paddle_gan_aug.data import load

    def measure_brightness(sides):
        return {"value": float(sides.generated.images.mean() / sides.real.images.mean())}

    monkeypatch.setitem(sys.modules, "their_metrics", types.SimpleNamespace(measure_brightness=measure_brightness))
    register(Metric("brightness", "their_metrics:measure_brightness", "1 as of real images", "How bright the images are."))
    try:
        np.savez(tmp_path / "images.npz", images=load("mnist", "valid").images[:60])
        done = here("evaluate", tmp_path / "images.npz", "--to", tmp_path / "page")
        result = json.loads((tmp_path / "page" / "evaluation.json").read_text())
        assert result["brightness"]["value"] == pytest.approx(1, abs=0.2) and result["brightness"]["floor"] > 0
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("brightness (1 as of real images)")]
        assert f"{result['brightness']['value']:.4g}" in line
        assert "How bright the images are." in (tmp_path / "page" / "index.html").read_text()
    finally:
        del METRICS["brightness"]
