"""The exponential moving average of a generator's weights: samples from it are steadier than from the last step's.

It belongs beside the algorithms, since an algorithm's `sample` is what everyone calls.
"""

import math

import paddle


class Average:
    """Keeps `average` <- decay · average + (1 - decay) · network, over weights and buffers, after every step.

    The first steps use a smaller decay, min(decay, (1 + n) / (10 + n)), so that the average does not remember the
    random initial weights (the warm-up of TensorFlow's ExponentialMovingAverage).

    Args:
        network: the network that trains.
        average: a second network of the same shape; it receives the average and never trains.
        decay: in (0, 1).
    """

    def __init__(self, network, average, decay):
        self.decay = decay
        average.set_state_dict(network.state_dict())
        average.eval()
        for parameter in average.parameters():
            parameter.stop_gradient = True
        self._pairs = list(zip(network.state_dict().values(), average.state_dict().values()))

    @paddle.no_grad()
    def update(self, step):
        """Move the average after training step `step` (1 for the first)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for current, averaged in self._pairs:
            averaged.scale_(decay)
            averaged.add_(current * (1 - decay))


class SteadyAverage(Average):
    """The mean of all weights so far, those of n steps ago counting (1 - rate)^n: an average of a fixed rate that begins at zero, corrected
    for that beginning, so that it can be read at any step.
    """

    def __init__(self, network, average, rate):
        super().__init__(network, average, 1 - rate)
        self.rate = rate

    @paddle.no_grad()
    def update(self, step):
        """See `Average.update`."""
        share = self.rate / -math.expm1(step * math.log1p(-self.rate))
        for current, averaged in self._pairs:
            averaged.add_((current - averaged) * share)
