"""The graph of a network's layers: which layer reads which one's output, and that VisualDL can draw it."""

import json

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import pytest
from paddle import nn

from paddle_gan_aug.records.layer_graph import layer_graph


class Block(nn.Layer):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return x.reshape([-1, 4]) + self.second(F.relu(self.first(x)))


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(3, 4), Block(), nn.Identity(), nn.Linear(4, 2))


def edges(graph):
    return {(variable["from_node"], target) for variable in graph["vars"] for target in variable["to_nodes"]}


def test_edges_follow_what_is_computed(network):
    graph = layer_graph(network, [np.zeros((2, 3), np.float32)])
    assert edges(graph) == {
        ("/input", "/0"),
        ("/0", "/1/first"),
        ("/1/first", "/1/second"),
        ("/0", "/3"),  # the skip, around the block
        ("/1/second", "/3"),  # what does nothing is left out
        ("/3", "/output"),
    }


def test_layers_say_what_they_are(network):
    nodes = {node["name"]: node for node in layer_graph(network, [np.zeros((2, 3), np.float32)])["nodes"]}
    assert nodes["/1"]["type"] == "Block" and sorted(nodes["/1"]["children_node"]) == ["/1/first", "/1/second"]
    assert nodes["/0"]["attrs"]["number of parameters"] == "16" and nodes["/0"]["attrs"]["weight"] == "[3, 4]"
    assert nodes["/1"]["input_vars"] == {"X": ["0"]} and set(nodes["/1"]["output_vars"]["Y"]) == {"1/second"}


def test_the_network_is_left_as_it_was(network):
    network[0].eval()
    before = {name: value.numpy() for name, value in network.named_parameters()}
    layer_graph(network, [np.zeros((2, 3), np.float32)])
    assert network.training and network[1].training and not network[0].training
    assert all((value.numpy() == before[name]).all() for name, value in network.named_parameters())
    calls = []
    network[0].register_forward_post_hook(lambda *_: calls.append(1))
    network(paddle.zeros([1, 3]))
    assert len(network[0]._forward_post_hooks) == 1 and calls == [1]


def test_visualdl_draws_it(network):
    from visualdl.component.graph.netron_graph import Model

    model = Model(json.loads(json.dumps(layer_graph(network, [np.zeros((2, 3), np.float32)]))))
    closed = model.make_graph()
    assert {node["type"] for node in closed["nodes"]} == {"Linear", "Block"}
    assert len(closed["inputs"]) == len(closed["outputs"]) == 1
    assert {node["name"] for node in model.make_graph(expand_all=True)["nodes"]} == {"/0", "/1/first", "/1/second", "/3"}


def test_a_layer_that_is_called_twice():
    class Twice(nn.Layer):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(self.layer(x))

    graph = layer_graph(Twice(), [np.zeros((2, 3), np.float32)])
    assert ("/layer", "/layer again 2") in edges(graph)
