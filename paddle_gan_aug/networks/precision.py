"""Mixed precision: networks that learn compute their products in 16 bits, and all else, weights too, stays in float32.

It is Paddle's `auto_cast`, level O1, around the passes of the networks themselves. What a network gives is float32 again, so that losses
are; and so are networks in evaluation mode, which draw, read and are measured. Paddle has no 16-bit kernels for CPUs.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import Any, Callable, Iterable, Iterator

import paddle
from paddle import Tensor, nn

PASSES = ("forward", "read", "features", "logits")  # the methods by which algorithms pass through a network


class _Here(threading.local):
    """What this thread does now."""

    casts = False  # operations take 16 bits
    float32 = False  # networks may not cast


_here = _Here()


def mix(networks: Iterable[nn.Layer], precision: str) -> None:
    """Let networks compute with a precision while they learn: "float32", "bfloat16" or "float16"."""
    if precision == "float32":
        return
    for network in networks:
        for name in PASSES:
            if hasattr(network, name):
                setattr(network, name, _mixed(network, getattr(network, name), precision))


def _mixed(network: nn.Layer, method: Callable[..., Any], precision: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def passed(*inputs: Any, **options: Any) -> Any:
        if _here.float32 or _here.casts or not network.training:
            return method(*inputs, **options)
        _here.casts = True
        try:
            with paddle.amp.auto_cast(enable=True, level="O1", dtype=precision):
                found = method(*inputs, **options)
        finally:
            _here.casts = False
        return _in_full(found)

    return passed


def _in_full(found: Any) -> Any:
    if isinstance(found, tuple):
        return tuple(map(_in_full, found))
    return found.astype("float32") if isinstance(found, Tensor) and found.is_floating_point() else found


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Within, networks and operations compute in float32."""
    float32, casts = _here.float32, _here.casts
    _here.float32, _here.casts = True, False
    try:
        with paddle.amp.auto_cast(enable=False) if casts else contextlib.nullcontext():
            yield
    finally:
        _here.float32, _here.casts = float32, casts
