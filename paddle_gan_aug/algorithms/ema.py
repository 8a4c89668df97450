"""The exponential moving average of a network's weights: a generator's samples from it are steadier than from the last step's."""

from __future__ import annotations

import math

import paddle
from paddle import nn


class Average:
    """Keeps `average` <- decay · average + (1 - decay) · network, over weights and buffers, after every step.

    The first steps use a smaller decay, min(decay, (1 + n) / (10 + n)), so that the average does not remember the
    random initial weights (the warm-up of TensorFlow's ExponentialMovingAverage).

    Args:
        network: the network that trains.
        average: a second network of the same shape; it receives the average and never trains.
        decay: in (0, 1); it may be set anew before any step.
    """

    def __init__(self, network: nn.Layer, average: nn.Layer, decay: float) -> None:
        self.decay = decay
        average.set_state_dict(network.state_dict())
        average.eval()
        for parameter in average.parameters():
            parameter.stop_gradient = True
        self._pairs = list(zip(network.state_dict().values(), average.state_dict().values()))

    def half_life(self, steps: float) -> None:
        """Let a step's weights count half as much after so many further `steps`; 0: the last step's count alone."""
        self.decay = 0.5 ** (1 / steps) if steps > 0 else 0.0

    @paddle.no_grad()
    def update(self, step: int) -> None:
        """Move the average after training step `step` (1 for the first)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for current, averaged in self._pairs:
            averaged.scale_(decay)
            averaged.add_(current * (1 - decay))


class SteadyAverage(Average):
    """The mean of all weights so far, where those of n steps ago count (1 - rate)^n.

    That is an average of a fixed rate that begins at zero, corrected for its beginning, so that it can be read at any step.
    """

    def __init__(self, network: nn.Layer, average: nn.Layer, rate: float) -> None:
        super().__init__(network, average, 1 - rate)
        self.rate = rate

    @paddle.no_grad()
    def update(self, step: int) -> None:
        """See `Average.update`."""
        share = self.rate / -math.expm1(step * math.log1p(-self.rate))
        for current, averaged in self._pairs:
            averaged.add_((current - averaged) * share)
