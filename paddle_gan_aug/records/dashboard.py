"""The dashboard: VisualDL's page on the log folder, served from this process and to this machine only.

VisualDL's own command does not fit here. It reports its use to its makers, fails on a page request without a language, keeps
a background thread that outlives Ctrl-C, does not start when one record is cut short, and stops updating when a record file is
cut (by a resumed or rolled-back run) or removed. So its application is built here, with those parts replaced.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import socket
import threading
import time
import types
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Union

from ..config.arguments import check_argument
from ..errors import InputError
from ..files import did_you_mean_path, find_path
from .visualdl_file import holds_no_record, import_visualdl, read_records

App = Callable[[Dict[str, Any], Callable[..., Any]], Iterable[bytes]]  # WSGI

HOST = "127.0.0.1"  # never wider: the page has no password
DEFAULT_PORT = 8040
LANGUAGES = ("en", "zh")
TABS = (  # what a run records; left to itself the page shows none before there is data
    "scalar",
    "image",
    "histogram",
    "embeddings",
    "pr_curve",
    "roc_curve",
    "dynamic_graph",
    "text",
    "hyper_parameters",
)
CACHE_SECONDS = 2  # how old an answer may be
RESCAN_SECONDS = 1  # how often to look for replaced record files


class Dashboard:
    """VisualDL's page on a log folder, at a port of 127.0.0.1. It answers once `serve` runs; earlier requests wait.

    Args:
        log_folder: the folder that holds the runs.
        port: 1 to 65535, or 0 for any free one.
        language: "en" or "zh".

    Attributes:
        log_folder: the folder, a Path.
        address: of the page.

    Raises:
        InputError: no such folder or language, no VisualDL, or the port cannot be used.
    """

    def __init__(self, log_folder: Union[str, Path], *, port: int = DEFAULT_PORT, language: str = "en") -> None:
        check_argument("log", log_folder, Union[str, Path])
        self.log_folder = find_path(log_folder)
        if not self.log_folder.is_dir():
            meant = did_you_mean_path(log_folder, before="; ")
            raise InputError(f"no such log folder: {self.log_folder}; a training run creates it, or name another one{meant}")
        self._listener = _listen(port)
        try:
            self._server = _server(self._listener, make_app(self.log_folder, language))
        except BaseException:
            self._listener.close()
            raise
        self.address = f"http://{HOST}:{self._server.port}/app/index"

    def has_records(self) -> bool:
        """Whether any run has written into the log folder."""
        return bool(_record_files(self.log_folder))

    def damaged(self) -> List[str]:
        """The paths of files that are named as records and hold none: the page does not show them."""
        return sorted(path for path in _record_files(self.log_folder) if holds_no_record(path))

    def serve(self) -> None:
        """Answer requests until Ctrl-C, and give the port back."""
        with self._listener, contextlib.suppress(KeyboardInterrupt):
            self._server.serve_forever()


def _listen(port: int) -> socket.socket:
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InputError(f"port {port!r}: a port is a whole number from 0 (any free one) to 65535")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = "already in use" if error.errno == errno.EADDRINUSE else f"it cannot be used ({error.strerror})"
        raise InputError(f"port {port}: {reason}; choose another one, or 0 for any free one") from None


def _server(listener: socket.socket, app: App) -> Any:
    from werkzeug.serving import make_server

    # A thread per connection, because browsers open connections ahead of need, and an idle one would block a server of one
    # thread. The application itself takes one request at a time (see _FreshApp).
    # The socket is passed in because make_server would answer a used port with sys.exit.
    return make_server(HOST, listener.getsockname()[1], app, threaded=True, fd=listener.fileno())


def make_app(log_folder: Union[str, Path], language: str = "en", cache_seconds: float = CACHE_SECONDS) -> App:
    """The dashboard as a WSGI application, its pages under /app/ and VisualDL's HTTP API under /app/api/.

    Raises:
        InputError: another language than "en" or "zh", or no VisualDL.
    """
    if language not in LANGUAGES:
        raise InputError(f"language {language!r}: choose one of {', '.join(LANGUAGES)}")
    return _FreshApp(log_folder, functools.partial(_visualdl_app, str(log_folder), language, cache_seconds))


class _FreshApp:
    """VisualDL's application, built anew when a record file that it may have read was replaced or removed.

    Otherwise it would continue to show the points that are gone. It takes one request at a time: VisualDL's reader keeps its
    current file in an attribute, and two requests at once would show one run's points under another run.
    """

    def __init__(self, log_folder: Union[str, Path], build: Callable[[], App]) -> None:
        self._log_folder = log_folder
        self._build = build
        self._lock = threading.Lock()
        self._files = _record_files(log_folder)
        self._looked = time.monotonic()
        self._app = build()

    def __call__(self, environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            self._look()
            return self._app(environ, start_response)

    def _look(self) -> None:
        if time.monotonic() - self._looked < RESCAN_SECONDS:
            return
        files = _record_files(self._log_folder)
        if any(files.get(path) != inode for path, inode in self._files.items()):
            self._app = self._build()
        self._files, self._looked = files, time.monotonic()


def _record_files(log_folder: Union[str, Path]) -> Dict[str, int]:
    """{path: inode} of the record files under a folder."""
    files = {}
    for folder, _, names in os.walk(log_folder, followlinks=True):
        for name in names:
            if "vdlrecords" in name:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    files[path] = os.stat(path).st_ino
    return files


def _visualdl_app(log_folder: str, language: str, cache_seconds: float) -> App:
    try:
        import_visualdl()
        from visualdl.reader import reader
        from visualdl.server import api, app
        from visualdl.server.args import ParseArgs
        from visualdl.server.data_manager import DataManager
    except ImportError as error:
        raise InputError(f"VisualDL cannot be loaded ({error}); pip install visualdl==2.5.3") from None
    except OSError as error:
        raise InputError(
            f"VisualDL cannot be loaded: neither the home folder nor a temporary one can be written to ({error}); "
            "set HOME or TMPDIR to a folder that can"
        ) from None

    _mend_visualdl()
    arguments = ParseArgs(
        logdir=[log_folder], host=HOST, language=language, cache_timeout=cache_seconds, component_tabs=list(TABS), telemetry=False
    )
    no_signals = types.SimpleNamespace(signal=lambda *_: None, SIGINT=None, SIG_DFL=None)
    profiler = app.create_profiler_api_call
    with contextlib.ExitStack() as stack:
        for module, name, value in (
            (api, "LogReader", _log_reader_class()),
            (reader, "default_data_manager", DataManager()),  # one for all readers of the process: their data would add up
            (app, "signal", no_signals),  # create_app would take Ctrl-C away from Python, and needs the main thread for that
            (app, "create_profiler_api_call", lambda _: profiler(None)),  # its thread would keep the process alive
        ):
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        return app.create_app(arguments)


@functools.cache
def _mend_visualdl() -> None:
    """Replace functions that VisualDL's request handlers look up while they run; once for the process."""
    from visualdl.component import components
    from visualdl.server import lib

    def after_reading(function: Callable[..., Any]) -> Callable[..., Any]:
        # the lists of what there is do not look for new runs themselves, so on an empty folder none would ever appear
        def answer(log_reader: Any) -> Any:
            log_reader.load_new_data()
            return function(log_reader)

        return answer

    def try_once(_times: int, function: Callable[..., Any], _seconds: float, *arguments: Any) -> Any:
        # VisualDL tries three times, sleeps in between while every other request waits, and prints tracebacks
        try:
            return function(*arguments)
        except Exception:
            return None

    def hparam_list(log_reader: Any, original: Callable[..., Any] = lib.get_hparam_list) -> List[Dict[str, Any]]:
        rows = original(log_reader)
        telling = telling_settings([row["hparams"] for row in rows])
        for row in rows:  # it gives the folder's path for the run's name
            row["name"] = log_reader.tags2name.get(row["name"], row["name"])
            row["hparams"] = {name: value for name, value in row["hparams"].items() if name in telling}
        return rows

    def hparam_indicator(log_reader: Any, original: Callable[..., Any] = lib.get_hparam_indicator) -> Dict[str, Any]:
        columns = original(log_reader)
        shown = {name for row in lib.get_hparam_list(log_reader) for name in row["hparams"]}
        return {**columns, "hparams": [column for column in columns["hparams"] if column["name"] in shown]}

    def embeddings_list(log_reader: Any, original: Callable[..., Any] = lib.get_embeddings_list) -> List[Dict[str, Any]]:
        lib.EMBEDDING_NAME.clear()  # it stops at the first points that it knows, and new ones never appear
        lib.embedding_names.clear()
        entries = original(log_reader)
        for entry in entries:  # named by their path, points and labels would share a place in VisualDL's cache
            known = lib.EMBEDDING_NAME.pop(entry["name"])
            entry["name"] = entry["path"] = f"{log_reader.tags2name.get(known['run'], known['run'])}, {known['tag']}"
            lib.EMBEDDING_NAME[entry["name"]] = known
        return entries

    lib.get_embeddings_list = embeddings_list
    lib.get_hparam_indicator = hparam_indicator
    lib.retry = try_once
    lib.get_hparam_list = hparam_list
    for name in ("get_hparam_list", "get_hparam_indicator", *(f"get_{kind}_tags" for kind in components)):
        setattr(lib, name, after_reading(getattr(lib, name)))
    lib.print = lambda *_: None  # a download prints all its rows
    for name in ("vdl_logger", "werkzeug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def telling_settings(rows: Sequence[Mapping[str, Any]]) -> Set[str]:
    """The settings that tell runs apart: those with more than one value among the rows; of a single run, those that are set."""
    names = {name for row in rows for name in row}
    if len(rows) == 1:
        return {name for name in names if rows[0][name] != "none"}
    return {name for name in names if len({str(row.get(name, "none")) for row in rows}) > 1}


@functools.cache
def _log_reader_class() -> type:
    from visualdl import LogReader

    class TolerantLogReader(LogReader):
        """A LogReader that leaves an incomplete record for the next time."""

        def register_reader(self, path: str, dir: Optional[str] = None, update: bool = True) -> None:
            if update:
                self.readers.setdefault(path, _RecordReader(path, dir))

        def _get_file_reader(self, file_path: str, update: bool = True) -> Any:
            return _RecordReader(file_path) if not update else super()._get_file_reader(file_path)

        def get_log_data(self, component: str, run: str, tag: str) -> Any:
            self._log_datas.clear()  # a second download would give the first one's rows
            return super().get_log_data(component, run, tag)

    return TolerantLogReader


class _RecordReader:
    """Reads the new records of a file at each call, as VisualDL's RecordReader, which fails for good at a record cut short."""

    def __init__(self, path: str, dir: Optional[str] = None) -> None:
        self.dir = dir
        self._path = path
        self._offset = 0

    def get_remain(self) -> List[bytes]:
        """What was added to the file since the last call, each record without its length."""
        try:
            packets = [packet for packet, _ in read_records(self._path, self._offset)]
        except (OSError, InputError):
            return []
        self._offset += sum(map(len, packets))
        return [packet[8:] for packet in packets]
