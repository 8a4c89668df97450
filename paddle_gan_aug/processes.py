"""Several processes that do one piece of work together, as `python -m paddle.distributed.launch` starts them.

Process 0 decides, reads and writes files, and tells the others what to do. All hold the same weights: each computes gradients of its share
of a batch, and all take the same step by the mean gradient. Rows of a batch and random numbers are shared out by turns: process r of n has
rows r, r + n, r + 2n, ... of what one process would have. Together they therefore do what one process does.

Gradients travel by Paddle's engine (Gloo on CPUs, NCCL on GPUs). Everything else is a few bytes of JSON on sockets of our own, which wait
as long as it takes and notice at once when a process has ended. In a single process every function here returns what it is given.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import json
import os
import secrets
import socket
import struct
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import runtime
from .errors import InputError, RunFailed

if TYPE_CHECKING:
    from paddle import Tensor

DIRECTLY = 1 << 16  # numbers from which a tensor is summed where it lies; smaller ones are sent together
KEY = "paddle_gan_aug/line"  # of the address of process 0 in Paddle's store
LONGEST_GREETING, PATIENCE = 200, 10.0  # bytes of what a process says when it calls process 0, and seconds within which it does
_Size = Optional[Union[int, Tuple[int, ...]]]


class FailedElsewhere(RunFailed):
    """Process 0 has found a failure that it can recover from, and says next how."""


@dataclasses.dataclass
class _Team:
    """The processes that were started together, as one of them sees them."""

    rank: int
    count: int
    lines: List[socket.socket]  # process 0: to each other one, in their order; else: to process 0
    apart: bool = False  # whether this process does some work alone


_team: Optional[_Team] = None


# ---- who is there ------------------------------------------------------------------------------------------------------


def count() -> int:
    """How many processes share the present work."""
    return 1 if _team is None or _team.apart else _team.count


def rank() -> int:
    """The number of this process among those that share the present work, from 0."""
    return 0 if _team is None or _team.apart else _team.rank


def first() -> bool:
    """Whether this is process 0, which alone writes files."""
    return rank() == 0


def lines() -> List[socket.socket]:
    """The lines of process 0 to all others, in their order; of another process that to process 0."""
    return [] if _team is None else _team.lines


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within, this process works for itself."""
    before = _team and _team.apart
    try:
        if _team is not None:
            _team.apart = True
        yield
    finally:
        if _team is not None:
            _team.apart = bool(before)


def join() -> None:
    """Meet the other processes that were started with this one, once; all must call it. Alone, nothing happens.

    Raises:
        InputError: this build of Paddle cannot connect processes.
        RunFailed: the others cannot be reached.
    """
    global _team
    if _team is not None or runtime.launched() == 1:
        return
    paddle = runtime.import_paddle()
    if not paddle.distributed.is_available():
        raise InputError(f"Paddle {paddle.__version__} was built without support for several processes: start the command without launch")
    with _one_line():
        paddle.distributed.init_parallel_env()
        number, many = paddle.distributed.get_rank(), paddle.distributed.get_world_size()
        _team = _Team(number, many, _listen(paddle, many) if number == 0 else [_call(paddle, number)])


def _listen(paddle: Any, many: int) -> List[socket.socket]:
    """The lines of process 0 to all others. Whoever does not know the token is turned away."""
    host, token = os.environ.get("PADDLE_CURRENT_ENDPOINT", "127.0.0.1:0").rpartition(":")[0], secrets.token_hex(16)
    lines: Dict[int, socket.socket] = {}
    with socket.create_server((host, 0)) as server:
        _store(paddle).set(KEY, json.dumps([host, server.getsockname()[1], token]))
        while len(lines) < many - 1:
            line, _ = server.accept()
            caller = _caller(line, token)
            if caller is None:
                line.close()
            else:
                lines[caller] = line
    return [lines[number] for number in sorted(lines)]


def _caller(line: socket.socket, token: str) -> Optional[int]:
    """The number of the process that calls on a line; None of a stranger, such as a port scanner, who may say anything or nothing."""
    line.settimeout(PATIENCE)
    try:
        said = _read(line, LONGEST_GREETING)
    except (OSError, ValueError):
        return None
    line.settimeout(None)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    known = isinstance(said, dict) and hmac.compare_digest(str(said.get("token")).encode("utf-8", "replace"), token.encode())
    return int(said["rank"]) if known else None


def _call(paddle: Any, number: int) -> socket.socket:
    """The line of process `number` to process 0."""
    host, port, token = json.loads(_store(paddle).get(KEY))
    line = socket.create_connection((host, port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _write(line, {"rank": number, "token": token})
    return line


def _store(paddle: Any) -> Any:
    return paddle.base.core.create_or_get_global_tcp_store()


# ---- a few bytes ---------------------------------------------------------------------------------------------------------


def _write(line: socket.socket, value: Any) -> None:
    content = json.dumps(value).encode()
    line.sendall(struct.pack("<Q", len(content)) + content)


def _read(line: socket.socket, most: Optional[int] = None) -> Any:
    """The plain value that comes next on a line.

    Raises:
        ValueError: it is no JSON, or of more than `most` bytes.
    """
    (length,) = struct.unpack("<Q", _bytes(line, 8))
    if most is not None and length > most:
        raise ValueError(f"{length} bytes are too many")
    return json.loads(_bytes(line, length))


def _bytes(line: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = line.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionResetError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def of_first(value: Any = None) -> Any:
    """The plain value that process 0 gives, in every process. All must call it."""
    if count() == 1:
        return value
    with _one_line():
        if rank():
            return _read(_team.lines[0])
        for line in _team.lines:
            _write(line, value)
        return value


def of_all(value: Any) -> List[Any]:
    """In process 0 the plain values of all processes, in their order, elsewhere [`value`]. All must call it."""
    if count() == 1:
        return [value]
    with _one_line():
        if rank():
            _write(_team.lines[0], value)
            return [value]
        return [value, *map(_read, _team.lines)]


def meet() -> None:
    """Wait until all processes are here."""
    of_all(None)
    of_first()


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Turn what Paddle and the sockets say when a process is gone into one line."""
    try:
        yield
    except (InputError, RunFailed):
        raise
    except (OSError, RuntimeError, ValueError) as error:
        number, many = os.environ.get("PADDLE_TRAINER_ID", "?"), runtime.launched()
        raise RunFailed(
            f"process {number} of {many} lost the others ({_short(error)}): one of them has ended, and its log says why; "
            "start the command again, train and generate with resume"
        ) from None


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return "a connection was closed" if not text or "reset" in text.lower() or "closed" in text.lower() else text[-120:]


# ---- work that process 0 gives away ----------------------------------------------------------------------------------------


def serve(work: Callable[[Any], Tuple[Any, List[bytes]]]) -> None:
    """Do what process 0 asks for, until it says that there is nothing more; for all processes but that one.

    Args:
        work: (a plain value) -> a plain value and bytes, which are sent back.
    """
    while True:
        with _one_line():
            asked = _read(_team.lines[0])
        if asked is None:
            return
        send(_team.lines[0], *work(asked))


def ask(helper: int, value: Any) -> None:
    """Ask process `helper`, from 1, for something; None ends its service. For process 0."""
    with _one_line():
        _write(_team.lines[helper - 1], value)


def answer(helper: int) -> Tuple[Any, List[bytes]]:
    """What process `helper` answers to the earliest question that is open. For process 0."""
    return received(_team.lines[helper - 1])


def send(line: socket.socket, value: Any, contents: Sequence[bytes] = ()) -> None:
    """Send a plain value, and bytes, to the other end of a line."""
    with _one_line():
        _write(line, [value, [len(content) for content in contents]])
        line.sendall(b"".join(contents))


def received(line: socket.socket) -> Tuple[Any, List[bytes]]:
    """What the other end of a line has sent, see `send`."""
    with _one_line():
        value, lengths = _read(line)
        return value, [_bytes(line, length) for length in lengths]


# ---- shares --------------------------------------------------------------------------------------------------------------


def share(items: Any) -> Any:
    """This process's share of a sequence or of the rows of an array: one item in every `count()`."""
    return items if count() == 1 else items[rank() :: count()]


def share_of_batch(batch: Any) -> Any:
    """This process's share of a batch, a dataclass of arrays with a row for each image."""
    if count() == 1:
        return batch
    rows = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return dataclasses.replace(batch, **{name: share(value) for name, value in rows.items() if value is not None})


def share_of_draws(rng: np.random.Generator) -> np.random.Generator:
    """A generator that gives this process its share of the numbers that `rng` gives a single one."""
    return rng if count() == 1 else SharedDraws(rng.bit_generator, rank(), count())


class SharedDraws(np.random.Generator):
    """Draws for `count` processes, and returns the rows of process `rank`; of a draw of one number the number that is its turn's.

    Methods that are not named here give all processes the same.
    """

    def __init__(self, bit_generator: Any, rank: int, count: int) -> None:
        super().__init__(bit_generator)
        self._turn, self._count = rank, count

    def _rows(self, draw: Any, size: _Size, like: Sequence[Any] = ()) -> Any:
        if size is None:
            return draw((self._count, *np.broadcast(*like).shape) if like else self._count)[self._turn]
        size = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
        return draw((size[0] * self._count, *size[1:]))[self._turn :: self._count] if size else draw(self._count)[self._turn]

    def random(self, size: _Size = None, dtype: Any = np.float64) -> Any:  # noqa: D102 - as NumPy documents it, and so the others
        return self._rows(lambda n: super(SharedDraws, self).random(n, dtype=dtype), size)

    def standard_normal(self, size: _Size = None, dtype: Any = np.float64) -> Any:  # noqa: D102
        return self._rows(lambda n: super(SharedDraws, self).standard_normal(n, dtype=dtype), size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: _Size = None) -> Any:  # noqa: D102
        return self._rows(lambda n: super(SharedDraws, self).uniform(low, high, n), size, (low, high))

    def beta(self, a: Any, b: Any, size: _Size = None) -> Any:  # noqa: D102
        return self._rows(lambda n: super(SharedDraws, self).beta(a, b, n), size, (a, b))

    def integers(self, low: Any, high: Any = None, size: _Size = None, dtype: Any = np.int64, endpoint: bool = False) -> Any:  # noqa: D102
        bounds = (low, low if high is None else high)
        return self._rows(lambda n: super(SharedDraws, self).integers(low, high, n, dtype, endpoint), size, bounds)

    def permutation(self, x: Any, axis: int = 0) -> Any:  # noqa: D102
        return [super(SharedDraws, self).permutation(x, axis) for _ in range(self._count)][self._turn]


# ---- arrays ----------------------------------------------------------------------------------------------------------------


def add_up(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor, in place, by its sum over all processes. All must give as many of the same shapes."""
    if count() == 1 or not tensors:
        return
    import paddle

    small = [tensor for tensor in tensors if tensor.size < DIRECTLY]
    with _one_line(), paddle.no_grad():
        for tensor in tensors:
            if tensor.size >= DIRECTLY:
                paddle.distributed.all_reduce(tensor)
        if small:
            together = paddle.concat([tensor.reshape([-1]).astype("float32") for tensor in small])
            paddle.distributed.all_reduce(together)
            for tensor, part in zip(small, together.split([tensor.size for tensor in small])):
                paddle.assign(part.reshape(tensor.shape).astype(tensor.dtype), tensor)


def mean_of(tensors: Sequence[Tensor]) -> None:
    """Replace each floating-point tensor, in place, by its mean over all processes."""
    add_up(tensors)
    if count() > 1:
        for tensor in tensors:
            tensor.scale_(1 / count())


def together(rows: np.ndarray) -> np.ndarray:
    """The rows of all processes, in the order that a single process has them, float32; each gives the `share` of as many."""
    if count() == 1:
        return rows
    import paddle

    parts: List[Tensor] = []
    with _one_line():
        paddle.distributed.all_gather(parts, paddle.to_tensor(np.ascontiguousarray(rows, np.float32)))
    return np.stack([part.numpy() for part in parts], axis=1).reshape(-1, *rows.shape[1:])


def arrays_of_first(arrays: Optional[Dict[str, np.ndarray]] = None) -> Dict[str, np.ndarray]:
    """The named arrays that process 0 gives, in every process."""
    if count() == 1:
        return arrays or {}
    import paddle

    mine = arrays or {}
    described = of_first({name: [list(array.shape), str(array.dtype)] for name, array in mine.items()})
    found = {}
    with _one_line():
        for name, (shape, dtype) in described.items():
            tensor = paddle.to_tensor(mine[name] if first() else np.zeros(shape, dtype))
            paddle.distributed.broadcast(tensor, 0)
            found[name] = tensor.numpy()
    return found
