"""The graph of a network's layers for the dashboard's page of graphs.

VisualDL draws the program that Paddle compiles of a network. That fails on Paddle 3 and for networks with layers of their own, and it
shows operations, hundreds for a small network. Here one forward pass is watched: each layer without sublayers is a node, and an edge
leads from a layer to every layer that its output reaches through functions alone. The record of the backward pass, which Paddle keeps with
each tensor, says which these are, so that skips and sums are drawn as they are computed.
"""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

INPUT, OUTPUT = "input", "output"
Edges = Sequence[Tuple[str, str]]  # (the layer that makes a tensor, a layer that reads it), as paths with slashes
Calls = List[Tuple[str, Any, List[Any], Any]]  # (path, layer, inputs, output) in the order of the calls


def layer_graph(network: Any, inputs: Sequence[Any]) -> Dict[str, Any]:
    """The layers of a network, in the form that VisualDL's page of graphs reads.

    Args:
        network: a `paddle.nn.Layer`; it is run once on `inputs`, in evaluation mode, and left as it was.
        inputs: the arrays that its `forward` takes, a batch of two or more.

    Returns:
        {"version", "nodes", "vars", "edges"}, plain JSON values.
    """
    import paddle

    inputs = [paddle.to_tensor(array) for array in inputs]
    calls, inner, result = _watched(network, inputs)
    calls = [call for call in calls if call[3].grad_fn != call[2][0].grad_fn]  # without those that return their input, as dropout does here
    tensors = {INPUT: inputs[0], **{path: output for path, _, _, output in calls}}
    makers = {tensor.grad_fn: path for path, tensor in tensors.items()}
    edges = [(source, path) for path, _, given, _ in calls for source in _sources(given, makers)]
    edges += [(source, OUTPUT) for source in _sources([result], makers)]
    return _as_visualdl(tensors, {path: layer for path, layer, _, _ in calls}, inner, edges)


def _watched(network: Any, inputs: Sequence[Any]) -> Tuple[Calls, Dict[str, str], Any]:
    """Run the network; returns the calls of its layers, {path: class} of the layers that have sublayers, and the result."""
    import paddle

    calls: Calls = []
    inner = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_evaluating(network))
        for name, layer in network.named_sublayers():
            path = name.replace(".", "/")
            if layer.sublayers():
                inner[path] = type(layer).__name__
            else:
                stack.callback(layer.register_forward_post_hook(_noting(calls, path)).remove)
        for tensor in inputs:
            tensor.stop_gradient = not tensor.is_floating_point()
        with paddle.set_grad_enabled(True):
            result = network(*inputs)
    return calls, inner, result


@contextlib.contextmanager
def _evaluating(network: Any) -> Iterator[None]:
    modes = {layer: layer.training for layer in network.sublayers(include_self=True)}
    network.eval()
    try:
        yield
    finally:
        for layer, training in modes.items():
            layer.training = training


def _noting(calls: Calls, path: str) -> Any:
    def note(layer: Any, given: Any, output: Any) -> None:
        times = 1 + sum(call[1] is layer for call in calls)
        calls.append((path if times == 1 else f"{path} again {times}", layer, list(given), output))

    return note


def _sources(tensors: Sequence[Any], makers: Mapping[Any, str]) -> List[str]:
    """The layers, or the input, whose outputs reach these tensors through functions alone."""
    found: Dict[str, None] = {}
    seen: Set[Any] = set()
    waiting = [tensor.grad_fn for tensor in tensors if hasattr(tensor, "grad_fn")]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in makers:
            found[makers[node]] = None
        else:
            waiting.extend(node.next_functions)
    return list(found)


def _described(layer: Any) -> Dict[str, str]:
    parameters = {name: str(list(value.shape)) for name, value in layer.named_parameters()}
    count = sum(int(value.size) for value in layer.parameters())
    return {"settings": layer.extra_repr(), "number of parameters": str(count), **parameters}


def _as_visualdl(tensors: Mapping[str, Any], leaves: Mapping[str, Any], inner: Mapping[str, str], edges: Edges) -> Dict[str, Any]:
    """The graph as VisualDL's own analysis of a program gives it: a tensor is a variable between nodes."""
    outgoing: Dict[str, List[str]] = {}
    for source, target in edges:
        outgoing.setdefault(source, []).append(target)
    variables = [
        {
            "name": path,
            "shape": [-1, *tensors[path].shape[1:]],
            "dtype": str(tensors[path].dtype).split(".")[-1],
            "persistable": False,
            "from_node": f"/{path}",
            "to_nodes": [f"/{target}" for target in targets],
        }
        for path, targets in outgoing.items()
    ]
    nodes = [_node(f"/{path}", type(layer).__name__, _described(layer), edges) for path, layer in leaves.items()]
    nodes += [_node(f"/{INPUT}", "feed", {}, edges), _node(f"/{OUTPUT}", "fetch", {}, edges)]
    nodes += [_node(f"/{path}", kind, {}, edges) for path, kind in inner.items()] + [_node("/", "/", {}, edges)]
    for node in nodes:
        node["children_node"] = [other["name"] for other in nodes if other["parent_node"] == node["name"]]
        node["is_leaf_node"] = not node["children_node"]
    return {"version": "1.0.0", "nodes": nodes, "vars": variables, "edges": []}


def _node(path: str, kind: str, attributes: Mapping[str, str], edges: Edges) -> Dict[str, Any]:
    """A node, with the variables that lead into it and out of it."""

    def inside(other: str) -> bool:
        return f"/{other}" == path or f"/{other}".startswith(path.rstrip("/") + "/")

    read = [source for source, target in edges if inside(target) and not inside(source)]
    made = [source for source, target in edges if inside(source) and not inside(target)]
    return {
        "name": path,
        "show_name": path,
        "type": kind,
        "attrs": dict(attributes),
        "attr_types": dict.fromkeys(attributes, "STRING"),
        "parent_node": "" if path == "/" else path.rsplit("/", 1)[0] or "/",
        "input_vars": {"X": list(dict.fromkeys(read))} if read else {},
        "output_vars": {"Y": list(dict.fromkeys(made))} if made else {},
    }
