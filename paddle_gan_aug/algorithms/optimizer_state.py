"""What an optimizer knows beside its parameters: its moments as plain arrays, and the scale of its loss in float16."""

from __future__ import annotations

import itertools
from typing import Dict, Mapping, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor

LOSS = "loss"  # stands where other entries have the index of a parameter


class LossScale:
    """The factor on a loss whose gradients would be too small for float16 (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2).

    It is a power of two, so that in float32 nothing changes. After `STEADY` steps it doubles. A step whose gradients are not finite is
    left out, and the scale is halved. Paddle's GradScaler does the same, but on GPUs alone, and its state says nothing on a CPU.
    """

    FIRST, STEADY = 2.0**16, 2000

    def __init__(self) -> None:
        self.scale, self.steps = self.FIRST, 0

    def unscale(self, parameters: Sequence[Tensor]) -> bool:
        """Divide the gradients of parameters by the scale, and move it; returns whether they are finite."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        finite = [paddle.isfinite(gradient).all() for gradient in gradients]
        if finite and not paddle.stack(finite).all():  # asked once: the host waits for the device
            self.scale, self.steps = max(1.0, self.scale / 2), 0
            return False
        with paddle.no_grad():
            for gradient in gradients:
                paddle.assign(gradient * (1 / self.scale), gradient)
        self.steps += 1
        if self.steps == self.STEADY:
            self.scale, self.steps = self.scale * 2, 0
        return True


def arrays_of(optimizers: Mapping[str, paddle.optimizer.Optimizer], scales: Mapping[str, LossScale]) -> Dict[str, np.ndarray]:
    """All moments and scales: {"optimizer/parameter index/kind": array}.

    Paddle names moments after process-global parameter names, which differ as soon as another network was built earlier in the process;
    the order of the parameters does not.
    """
    arrays = {f"{name}/{LOSS}/scale": np.array([scale.scale, scale.steps]) for name, scale in scales.items()}
    for name, optimizer in optimizers.items():
        for key, value in optimizer.state_dict().items():
            if isinstance(value, paddle.Tensor):
                index, kind = _locate(key, optimizer._parameter_list)
                arrays[f"{name}/{index}/{kind}"] = value.numpy()
    return arrays


def set_arrays(
    optimizers: Mapping[str, paddle.optimizer.Optimizer], scales: Mapping[str, LossScale], arrays: Mapping[str, np.ndarray]
) -> None:
    """Set what `arrays_of` returned. A scale that is not needed here is left out.

    A parameter that had no gradient so far has no moments: it begins with those of a first step, since Paddle takes all or none.

    Raises:
        ValueError: an entry does not belong to any optimizer here.
    """
    for name, optimizer in optimizers.items():
        state = {}
        for key, value in arrays.items():
            owner, index, kind = key.split("/")
            if owner != name:
                continue
            if index == LOSS:
                if name in scales:
                    scales[name].scale, scales[name].steps = float(value[0]), int(value[1])
            elif int(index) >= len(optimizer._parameter_list):
                raise ValueError(f"{key}: {name} has {len(optimizer._parameter_list)} parameters")
            else:
                state[f"{optimizer._parameter_list[int(index)].name}_{kind}"] = paddle.to_tensor(value)
        kinds = {_locate(key, optimizer._parameter_list)[1] for key in state}
        for parameter, kind in itertools.product(optimizer._parameter_list, kinds):
            state.setdefault(f"{parameter.name}_{kind}", paddle.to_tensor(_before_first_step(optimizer, kind, parameter.shape)))
        optimizer.set_state_dict(state)


def forget(optimizer: paddle.optimizer.Adam) -> None:
    """Set the moments of an optimizer to what they are before its first step.

    A second optimizer of the same parameters would name its moments otherwise, and a resumed run would not find them.
    """
    for key, value in optimizer.state_dict().items():
        if isinstance(value, paddle.Tensor):
            value.set_value(_before_first_step(optimizer, _locate(key, optimizer._parameter_list)[1], value.shape))


def _before_first_step(optimizer: paddle.optimizer.Adam, kind: str, shape: Sequence[int]) -> np.ndarray:
    """A moment of a parameter of this shape, or the power of a beta, float32."""
    for beta in ("beta1", "beta2"):
        if kind.startswith(f"{beta}_pow"):
            return np.full([1], getattr(optimizer, f"_{beta}"), np.float32)
    return np.zeros(shape, np.float32)


def _locate(key: str, parameters: Sequence[Tensor]) -> Tuple[int, str]:
    """An optimizer's entry "conv2d_5.w_0_moment1_0" -> (index of parameter conv2d_5.w_0, "moment1_0")."""
    owners = [(len(p.name), index) for index, p in enumerate(parameters) if key.startswith(p.name + "_")]
    length, index = max(owners)
    return index, key[length + 1 :]
