"""One pass over a batch on several CPU cores.

Paddle's CPU kernels for convolution, pooling and activations use one core, however many threads are set; only large matrix
products use more. But Paddle's operations let go of Python's lock, so that Python threads can each take a part of a batch.
"""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from .. import runtime

SMALLEST_PART = 8  # samples: below, handing the work out costs more than it saves
THREADS = "split_batch"  # the beginning of the threads' names
_pools: Dict[int, ThreadPoolExecutor] = {}
Graph = Tuple[List[Tensor], Tensor]  # (the leaves that want gradients, the output)


def split_batch(function: Callable[..., Tensor], x: Tensor, *parameters: Tensor) -> Tensor:
    """`function(x, *parameters)`, computed in as many parts of the batch as there are CPU threads.

    Args:
        function: takes a tensor [n, …] and the parameters, returns a tensor [n, …]; each sample's output must depend on that
            sample alone, and nothing but the arguments may be a source of gradients.
        x: tensor [N, …].
        parameters: the tensors, other than x, that the function uses.

    Returns:
        The tensor [N, …]. It can be differentiated once by x and the parameters (a second time is an error); a parameter's
        gradient is the sum over parts in order, the same on every call. On a GPU, with one thread, for a small batch or within
        a part: what `function` returns.
    """
    parts = batch_parts(x)
    if parts == 1:
        return function(x, *parameters)
    wanted = [tensor for tensor in (x, *parameters) if not tensor.stop_gradient]
    if not paddle.is_grad_enabled() or not wanted:
        return infer(lambda part: function(part, *parameters), x)

    def begin() -> List[Graph]:
        def compute(part: Tensor) -> Any:
            leaves = [_leaf(tensor, like) for tensor, like in zip((part, *parameters), (x, *parameters))]
            with paddle.enable_grad():
                return [leaf for leaf in leaves if not leaf.stop_gradient], function(*leaves)

        return _in_threads(parts, compute, _cut(x.detach(), parts))

    return _SplitBatch.apply(_pack(*wanted), begin, not x.stop_gradient)


def infer(function: Callable[..., Tensor], *batches: Optional[Tensor]) -> Tensor:
    """`function(*batches)` without gradients, computed in as many parts of the batch as there are CPU threads.

    Args:
        function: takes tensors [n, …], returns a tensor [n, …]; each sample's output must depend on that sample alone.
        batches: tensors [N, …], or None, which is handed on.
    """

    def compute(*part: Tensor) -> Any:
        with paddle.no_grad():  # each thread begins with gradients on
            return function(*part)

    parts = batch_parts(batches[0])
    if parts == 1:
        return compute(*batches)
    return paddle.concat(_in_threads(parts, compute, *[[None] * parts if batch is None else _cut(batch, parts) for batch in batches]))


def batch_parts(x: Tensor) -> int:
    """Return the number of parts into which `split_batch` shares out the batch x."""
    if exporting():
        return 1
    if not x.place.is_cpu_place() or threading.current_thread().name.startswith(THREADS):
        return 1
    return max(1, min(runtime.cpu_threads(), x.shape[0] // SMALLEST_PART))


def exporting() -> bool:
    """Return whether a network is being traced for an exported model: for batches of any size (it is -1 then), and without gradients."""
    return not paddle.in_dynamic_mode()


class _SplitBatch(PyLayer):
    """Every part has a graph of its own, whose leaves share the memory of x and the parameters.

    Paddle lets a PyLayer neither see which of its inputs' gradients are wanted nor return unwanted ones, and `paddle.grad` may want
    any subset: hence one packed input, from which autograd hands on what is wanted.
    """

    @staticmethod
    def forward(ctx: Any, packed: Tensor, begin: Callable[[], List[Graph]], x_is_wanted: bool) -> Tensor:
        ctx.graphs, ctx.x_is_wanted = begin(), x_is_wanted
        return paddle.concat([output.detach() for _, output in ctx.graphs])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        if paddle.is_grad_enabled():  # only under create_graph=True, where the parts' gradients would silently count as constants
            raise RuntimeError("a batch that split_batch shared out cannot be differentiated twice; build the layer with double_grad=True")

        def differentiate(graph: Graph, part: Tensor) -> List[Tensor]:
            leaves, output = graph
            output.backward(part)
            return [paddle.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]

        found = list(zip(*_in_threads(len(ctx.graphs), differentiate, ctx.graphs, _cut(gradient, len(ctx.graphs)))))
        ctx.graphs = None
        of_x = [paddle.concat(list(found.pop(0)))] if ctx.x_is_wanted else []
        return _pack(*of_x, *[paddle.add_n(list(parts)) for parts in found])


def _pack(*tensors: Tensor) -> Tensor:
    return paddle.concat([tensor.reshape([-1]) for tensor in tensors])


def _leaf(tensor: Tensor, like: Tensor) -> Tensor:
    leaf = tensor.detach()
    leaf.stop_gradient = like.stop_gradient
    return leaf


def _cut(x: Tensor, parts: int) -> List[Tensor]:
    size, rest = divmod(x.shape[0], parts)
    return paddle.split(x, [size + (i < rest) for i in range(parts)])


def _in_threads(parts: int, function: Callable[..., Any], *arguments: Iterable[Any]) -> List[Any]:
    if parts not in _pools:
        _pools[parts] = ThreadPoolExecutor(parts, THREADS, initializer=_one_openmp_thread)
    return list(_pools[parts].map(function, *arguments))


def _one_openmp_thread() -> None:
    """The matrix products inside a part stay on the part's own core."""
    for library in Path(paddle.__file__).parent.glob("libs/libiomp5*"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(str(library)).omp_set_num_threads(1)
