"""What the dashboard is given of the networks, and that training does not notice."""

import json

import numpy as np
import pytest

from paddle_gan_aug import train
from paddle_gan_aug.records.visualdl_file import read_records

TINY = {
    "generator.width": 0.05,
    "discriminator.width": 0.05,
    "train.batch_size": 8,
    "train.steps": 4,
    "data.per_class": 20,
    "log.histograms_every_steps": 2,
    "log.grid_images": 32,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspection")
    return train("sngan-projection", run="r", output=folder / "output", log=folder / "log", overrides=TINY, quiet=True)


def log_of(run):
    return run.folder.parents[1] / "log" / "r"


def histograms(run):
    rows = [
        value for _, value in read_records(log_of(run) / "histograms" / "vdlrecords.r.log") if value.WhichOneof("one_value") == "histogram"
    ]
    return {(value.tag, value.id): value.histogram for value in rows}


def test_histograms_of_scores_weights_and_gradients(run):
    found = histograms(run)
    tags = {tag for tag, _ in found}
    assert {step for _, step in found} == {2, 4}
    assert {"D scores/real", "D scores/generated"} <= tags
    for network in ("generator", "discriminator"):
        for kind in ("weights", "gradients"):
            assert any(tag.startswith(f"{kind} {network}/") for tag in tags)
    assert sum(found["D scores/real", 4].hist) == sum(found["D scores/generated", 4].hist) == 32
    assert not any(tag.startswith("gradients generator_average") for tag in tags)


def test_gradients_are_those_of_the_step(run):
    edges = np.array(next(value.bin_edges for (tag, _), value in histograms(run).items() if tag.startswith("gradients discriminator/")))
    assert np.isfinite(edges).all() and edges[0] < edges[-1]


def test_graphs_of_g_and_d(run):
    for name, leaf in (("generator", "/dense/0"), ("discriminator", "/body/convs/0")):
        graph = json.loads((log_of(run) / f"{name} of r" / f"vdlgraph.{name}.log").read_text())
        assert leaf in {node["name"] for node in graph["nodes"]}
        assert {variable["from_node"] for variable in graph["vars"]} >= {"/input", leaf}


def test_training_does_not_notice(run, tmp_path):
    plain = train("sngan-projection", run="r", output=tmp_path, log=tmp_path / "log", overrides={**TINY, "log.visualdl": False}, quiet=True)
    for name, network in run.algorithm.networks.items():
        for ours, other in zip(network.state_dict().values(), plain.algorithm.networks[name].state_dict().values()):
            assert (ours.numpy() == other.numpy()).all()
