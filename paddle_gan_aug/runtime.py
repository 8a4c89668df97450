"""Process settings that must precede `import paddle`, the device, and every seed.

As installed, Paddle's CPU wheels use one thread and, on a non-Intel CPU, the slowest code path of an old MKL; and glibc gives
every large buffer back to the system only to fault it in again. Together that makes a training step three to five times
slower. The environment variables must be set before Paddle or NumPy is first imported, so this module imports the standard
library alone. This is also why it counts the cores itself: joblib, which counts them as well, imports NumPy.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import io
import operator
import os
import signal
import sys
import threading
import time
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ContextManager, FrozenSet, Iterator, List, Mapping, Optional, Tuple, Union

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np

TUNING_SWITCH = "PADDLE_GAN_AUG_CPU_TUNING"  # "off" leaves the process as Paddle finds it
TUNED_VARIABLES = ("MKL_DEBUG_CPU_TYPE", "OMP_NUM_THREADS", "KMP_BLOCKTIME")
_paddle_came_first = "paddle" in sys.modules
_set_here = {}  # environment variables set by this module, so that a second call may change them, but never the user's own
_warned = set()
_importing = threading.Lock()
_drawing = threading.RLock()
_ready = threading.Event()  # Paddle was imported by `import_paddle`
_took: List[float] = []  # seconds, of the import of Paddle
_kept: List[Any] = []  # Paddle's dynamic mode, as each thread that began it holds it


# ---- before Paddle -----------------------------------------------------------------------------------------------------


def prepare_environment(threads: Optional[int] = None, cpu_tuning: Optional[bool] = None) -> None:
    """Set the environment that Paddle reads when it is first imported; variables that the user set are left alone.

    Args:
        threads: CPU threads; None = one per physical core this process may use (one under `paddle.distributed.launch`).
        cpu_tuning: False leaves MKL's code path and thread count alone; None asks the variable PADDLE_GAN_AUG_CPU_TUNING.
    """
    if cpu_tuning is None:
        cpu_tuning = tuning_wanted()
    wanted = {}
    if cpu_tuning:
        code_path = mkl_code_path(*_cpu())
        if code_path:
            wanted["MKL_DEBUG_CPU_TYPE"] = str(code_path)
        wanted["OMP_NUM_THREADS"] = str(default_threads())
        wanted["KMP_BLOCKTIME"] = "1"  # ms that idle OpenMP threads spin; the default of 200 keeps a core from other work
    if threads:
        wanted["OMP_NUM_THREADS"] = str(threads)
    wanted["GLOG_minloglevel"] = "2"  # the GPU build complains about missing CUDA libraries on every CPU machine
    stale = [name for name, value in _set_here.items() if name not in wanted and os.environ.get(name) == value]
    changed = {n: v for n, v in wanted.items() if n not in os.environ or os.environ.get(n) == _set_here.get(n)}
    if threads:
        changed["OMP_NUM_THREADS"] = str(threads)  # an explicit --threads is the user's latest word
    if "paddle" in sys.modules:
        _warn_if_late(wanted if _paddle_came_first else changed, threads)
        return
    for name in stale:
        del os.environ[name], _set_here[name]
    os.environ.update(changed)
    _set_here.update(changed)


def _warn_if_late(wanted: Mapping[str, str], threads: Optional[int]) -> None:
    late = [name for name in TUNED_VARIABLES if name in wanted and os.environ.get(name) != wanted[name]]
    if late and _paddle_came_first:
        _warn_once(
            "paddle was imported before paddle_gan_aug, so its CPU settings cannot take effect and training may be "
            "3 to 5 times slower: restart and import paddle_gan_aug first, or set " + " ".join(f"{n}={wanted[n]}" for n in late)
        )
    elif threads and "OMP_NUM_THREADS" in late:
        _warn_once(f"Paddle already runs with {os.environ['OMP_NUM_THREADS']} threads here; {threads} need a new process")


def tuning_wanted() -> bool:
    """Whether the user left CPU tuning on (the default) in the environment variable PADDLE_GAN_AUG_CPU_TUNING."""
    return os.environ.get(TUNING_SWITCH, "on").lower() not in ("off", "0", "false", "no")


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        print(f"paddle_gan_aug: {message}", file=sys.stderr)


def _cpu() -> Tuple[str, FrozenSet[str]]:
    """The vendor and the flags of the first CPU in /proc/cpuinfo; empty where there is no such file."""
    vendor, flags = "", frozenset()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "vendor_id":
                vendor = value.strip()
            elif key.strip() == "flags":
                return vendor, frozenset(value.split())
    return vendor, flags


def mkl_code_path(vendor: str, flags: FrozenSet[str]) -> Optional[int]:
    """The value of MKL_DEBUG_CPU_TYPE that makes the wheels' MKL use what this CPU has, or None to leave it alone.

    It is for AMD only: on Intel the library chooses well by itself, and other CPUs were not measured.
    """
    if vendor != "AuthenticAMD" or not {"avx2", "fma"} <= flags:
        return None
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return 7 if "avx512_vnni" in flags else 6
    return 5


def default_threads() -> int:
    """The physical cores that this process may use; 1 in each rank of a distributed launch."""
    if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) > 1:
        return 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(n for n in (allowed, _physical_cores(), _container_cpus()) if n))


def _physical_cores() -> Optional[int]:
    """The number of distinct pairs of socket and core in /proc/cpuinfo, or None where it does not list them."""
    cores, socket = set(), "0"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "physical id":
                socket = value.strip()
            elif key.strip() == "core id":
                cores.add((socket, value.strip()))
    return len(cores) or None


def _container_cpus(root: Union[str, Path] = "/sys/fs/cgroup") -> Optional[int]:
    """The CPU quota of this container (cgroup version 2 or 1), rounded up, or None where there is no quota."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):
            quota, period = " ".join(Path(root, name).read_text(encoding="utf-8") for name in names).split()
            return max(1, -(-int(quota) // int(period))) if int(quota) > 0 else None
    return None


# ---- with Paddle -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """The settings of a run's process, which are recorded with every result."""

    device: str
    paddle: str
    threads: int
    mkl_code_path: str
    cpu_tuning: bool


def cpu_threads() -> int:
    """CPU threads of this process, as set for Paddle."""
    return int(os.environ.get("OMP_NUM_THREADS") or 1)


def start(device: str = "auto", threads: Optional[int] = None, cpu_tuning: bool = True) -> Process:
    """Apply the settings, import Paddle and choose the device.

    Args:
        device: "auto" (a GPU when the build and a device are there), "cpu" or "gpu".
        threads: CPU threads; None or 0 = one per physical core.
        cpu_tuning: False leaves MKL's code path, thread count and the allocator as Paddle finds them.

    Returns:
        The `Process` as it now is.

    Raises:
        InputError: there is no GPU for "gpu", or `threads` is too large or negative.
    """
    if not 0 <= (threads or 0) <= MOST_THREADS:
        raise InputError(f"threads {threads}: expected a whole number of CPU threads from 0 (one per physical core) to {MOST_THREADS}")
    cpu_tuning = cpu_tuning and tuning_wanted()
    prepare_environment(threads or None, cpu_tuning)
    if cpu_tuning:
        keep_freed_memory()
    paddle = import_paddle()
    gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if device == "gpu" and not gpu:
        raise InputError(f"device gpu: {_why_no_gpu(paddle)}")
    if device == "auto" and not paddle.is_compiled_with_cuda() and _has_nvidia():
        _warn_once(f"this machine has a GPU, but {_why_no_gpu(paddle)}")
    chosen = "gpu" if gpu and device != "cpu" else "cpu"
    paddle.set_device(chosen)
    warnings.filterwarnings("ignore", message="When training, we now always track")  # BatchNorm, once per network and run
    return Process(
        device=chosen,
        paddle=paddle.__version__,
        threads=cpu_threads(),
        mkl_code_path=os.environ.get("MKL_DEBUG_CPU_TYPE", ""),
        cpu_tuning=cpu_tuning,
    )


def check_precision(precision: str) -> None:
    """See that the device that was chosen computes with a precision, "float32", "bfloat16" or "float16".

    Raises:
        InputError: it does not.
    """
    if precision == "float32":
        return
    import paddle

    if "gpu" not in paddle.get_device():
        raise InputError(f"runtime.precision {precision} needs a GPU, for Paddle has no kernels of 16 bits for CPUs: use float32")
    supported = paddle.amp.is_bfloat16_supported if precision == "bfloat16" else paddle.amp.is_float16_supported
    if not supported():
        raise InputError(f"runtime.precision {precision}: this GPU does not compute with it; use float32")


def _has_nvidia(devices: Union[str, Path] = "/dev") -> bool:
    """Whether a driver of NVIDIA has made its devices on this machine (Linux; elsewhere False)."""
    return Path(devices, "nvidiactl").exists()


def _why_no_gpu(paddle: Any) -> str:
    """Why this process uses no GPU, and what to do."""
    if paddle.is_compiled_with_cuda():
        return "no GPU is visible (nvidia-smi lists those that the driver sees); use device=cpu, or a machine with a GPU"
    build = f"Paddle {paddle.__version__} is a CPU build"
    if _has_nvidia():
        return f"{build}; uninstall paddlepaddle and install paddlepaddle-gpu for your CUDA, or use device=cpu"
    return f"{build}; use device=cpu, or install paddlepaddle-gpu on a machine with a GPU"


def keep_freed_memory() -> None:
    """Tell glibc to keep large buffers for the next step instead of returning them to the system (mallopt(3)).

    A training step frees hundreds of megabytes and asks for them again; faulting them in costs more than the products of the
    convolutions. Without glibc this does nothing.
    """
    options = {-4: 0, -1: 2**31 - 1, -2: 64 << 20, -8: 1}  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in options.items():
            libc.mallopt(ctypes.c_int(option), ctypes.c_int(value))


def import_paddle() -> Any:
    """Import Paddle, ready for use in any thread, without the lines that it prints on every start; returns the module."""
    with _importing:
        if not _ready.is_set():  # once: what is changed here is the process's, and by the next time other threads may be at work
            with _signals_kept(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                began = time.perf_counter()
                import paddle

                _took.append(time.perf_counter() - began)
                paddle.disable_signal_handler()  # it would answer SIGTERM with a trace of its own
        import paddle

        if not paddle.in_dynamic_mode():
            paddle.disable_static()
        # What the thread that began the mode holds would be collected together with that thread, and end the mode for all others
        mode = paddle.base.framework.global_var._functional_dygraph_context_manager
        if mode is not None and mode not in _kept:
            _kept.append(mode)
            atexit.register(mode.__exit__, None, None, None)
        _ready.set()
    return paddle


def import_seconds() -> float:
    """The time that importing Paddle took in this process; 0 if something else has imported it."""
    return sum(_took)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Leave SIGINT and SIGTERM to their handlers, whatever is installed within.

    Python lets only the main thread set handlers, hence the C library. The main thread also undoes what was installed before.
    """
    before = {number: ctypes.create_string_buffer(512) for number in (signal.SIGINT, signal.SIGTERM)}  # larger than any struct sigaction
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not on Windows
        for number, action in before.items():
            ctypes.CDLL(None).sigaction(int(number), None, action)
    yield
    with contextlib.suppress(OSError, AttributeError, TypeError):
        for number, action in before.items():
            ctypes.CDLL(None).sigaction(int(number), action, None)
    for number in before:
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(number)):
            signal.signal(number, signal.getsignal(number))


# ---- seeds -------------------------------------------------------------------------------------------------------------

MOST_THREADS = 256  # of a process; thousands bring a machine to a standstill
LARGEST_SEED = 2**63 - 1


def check_seed(seed: Any) -> int:
    """`seed` as an int, if it can be the root of all randomness: a whole number, or one as text.

    Raises:
        InputError: it is not a whole number from 0 to 2^63 - 1.
    """
    try:
        number = int(seed) if isinstance(seed, str) else operator.index(seed)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise InputError(f"seed {str(seed)[:40]}: a seed is a whole number from 0 to {LARGEST_SEED}")
    return number


def rng(seed: int, stream: str, index: int = 0) -> np.random.Generator:
    """The random generator of one purpose at one place: a pure function of its arguments.

    Nothing is carried from step to step, so a run's random state is its root seed and its step, and a resumed run draws
    what the uninterrupted one would have drawn.

    Args:
        seed: the root seed of the run, an int >= 0.
        stream: the purpose, such as "latents" or "shuffle".
        index: the step or epoch.

    Raises:
        InputError: as `check_seed`.
    """
    import numpy as np

    seed = check_seed(seed)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(stream.encode()), index))))


def drawing_alone() -> ContextManager[Any]:
    """A context, from the seed to the last draw, in which no other thread draws inside Paddle: its random state is the process's."""
    return _drawing


def seed_paddle(seed: int, stream: str, index: int = 0) -> None:
    """Re-seed the draws made inside Paddle (initial weights, dropout, noise layers) from the root seed and a place.

    Where threads may train side by side, seed and draw within `drawing_alone`.
    """
    import paddle

    paddle.seed(int(rng(seed, stream, index).integers(2**31)))


def launched() -> int:
    """How many processes were started together, 1 if this one was started alone."""
    with contextlib.suppress(ValueError):
        return max(1, int(os.environ.get("PADDLE_TRAINERS_NUM") or 1))
    return 1


def launched_first() -> bool:
    """Whether this is process 0 of those that were started together, or was started alone."""
    return launched() == 1 or os.environ.get("PADDLE_TRAINER_ID", "0") == "0"
