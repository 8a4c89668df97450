"""The dashboard: VisualDL's page on the log folder, served from this process and to this machine only.

VisualDL's own command is made for another setting: it reports its use to its makers, listens where it is told to, fails on a
page request without a language, keeps a background thread that outlives Ctrl-C, does not start at all when one record is torn,
and stops updating when a record file is cut (a resumed or rolled-back run) or removed. So its application is built here, with
those parts replaced.
"""

import contextlib
import errno
import functools
import json
import logging
import os
import socket
import sys
import threading
import time
import types
from pathlib import Path

from ..errors import InputError
from .visualdl_file import import_visualdl, read_records

HOST = "127.0.0.1"  # never wider: the page has no password
DEFAULT_PORT = 8040
LANGUAGES = ("en", "zh")
TABS = ("scalar", "image", "text", "hyper_parameters")  # what a run records; left to itself the page shows none before there is data
CACHE_SECONDS = 2  # how old an answer may be
RESCAN_SECONDS = 1  # how often to look for replaced record files


def serve(log_folder, port=DEFAULT_PORT, language="en", open_when_ready=None, as_json=False):
    """Serve VisualDL on a log folder at 127.0.0.1 until Ctrl-C.

    Args:
        log_folder: the folder that holds the runs.
        port: 1..65535, or 0 or "auto" for a free one.
        language: "en" or "zh".
        open_when_ready: called with the page's address, in a thread, once it answers (say, `webbrowser.open`).
        as_json: print the address as a JSON object.

    Raises:
        InputError: no such folder or language, no VisualDL, or the port cannot be had.
    """
    log_folder = Path(log_folder)
    if not log_folder.is_dir():
        raise InputError(f"no such log folder: {log_folder}; a training run makes it, or name another one")
    with _listen(port) as listener, contextlib.suppress(KeyboardInterrupt):
        server = _server(listener, make_app(log_folder, language))
        address = f"http://{HOST}:{server.port}/app/index"
        if not _record_files(log_folder):
            note = f"{log_folder} holds no records yet; the page fills once a run writes there"
            print(note, file=sys.stderr if as_json else sys.stdout)
        # the listener already queues requests, so what is printed now is true
        told = json.dumps({"address": address, "log": str(log_folder)}, ensure_ascii=False)
        print(told if as_json else f"VisualDL dashboard: {address}  (Ctrl-C stops it)", flush=True)
        if open_when_ready is not None:
            threading.Thread(target=open_when_ready, args=(address,), daemon=True).start()
        server.serve_forever()


def _listen(port):
    number = 0 if port == "auto" else port
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65535:
        raise InputError(f'port must be 0..65535 or "auto", got {port!r}')
    try:
        return socket.create_server((HOST, number))
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise InputError(f"port {port} {reason}; choose another one, or 0 for any free one") from None


def _server(listener, app):
    from werkzeug.serving import make_server

    # A thread per connection, because browsers open connections ahead of need, and an idle one would block a server of one
    # thread. The application itself takes one request at a time (see _FreshApp).
    # The socket is passed in because make_server would answer a used port with sys.exit.
    return make_server(HOST, listener.getsockname()[1], app, threaded=True, fd=listener.fileno())


def make_app(log_folder, language="en", cache_seconds=CACHE_SECONDS):
    """The dashboard as a WSGI application, its pages under /app/ and VisualDL's HTTP API under /app/api/.

    Raises:
        InputError: another language than "en" or "zh", or no VisualDL.
    """
    if language not in LANGUAGES:
        raise InputError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    return _FreshApp(log_folder, functools.partial(_visualdl_app, str(log_folder), language, cache_seconds))


class _FreshApp:
    """VisualDL's application, built anew when a record file that it may have read was replaced or removed.

    It would go on showing the points that are gone. One request at a time: VisualDL's reader keeps the file it is at in an
    attribute, and two requests at once would file one run's points under another run.
    """

    def __init__(self, log_folder, build):
        self._log_folder = log_folder
        self._build = build
        self._lock = threading.Lock()
        self._files = _record_files(log_folder)
        self._looked = time.monotonic()
        self._app = build()

    def __call__(self, environ, start_response):
        with self._lock:
            self._look()
            return self._app(environ, start_response)

    def _look(self):
        if time.monotonic() - self._looked < RESCAN_SECONDS:
            return
        files = _record_files(self._log_folder)
        if any(files.get(path) != inode for path, inode in self._files.items()):
            self._app = self._build()
        self._files, self._looked = files, time.monotonic()


def _record_files(log_folder):
    """{path: inode} of the record files under a folder."""
    files = {}
    for folder, _, names in os.walk(log_folder, followlinks=True):
        for name in names:
            if "vdlrecords" in name:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    files[path] = os.stat(path).st_ino
    return files


def _visualdl_app(log_folder, language, cache_seconds):
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
            f"VisualDL cannot be loaded: neither the home folder nor a temporary one can be written to ({error}); set HOME or TMPDIR to one"
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
def _mend_visualdl():
    """Change what VisualDL's request handlers look up while they run; once for the process."""
    from visualdl.component import components
    from visualdl.server import lib

    def after_reading(function):
        # the lists of what there is do not look for new runs themselves, so on an empty folder none would ever appear
        def answer(log_reader):
            log_reader.load_new_data()
            return function(log_reader)

        return answer

    def try_once(_times, function, _seconds, *arguments):
        # VisualDL tries three times, sleeps in between while every other request waits, and prints tracebacks
        try:
            return function(*arguments)
        except Exception:
            return None

    def hparam_list(log_reader, original=lib.get_hparam_list):
        rows = original(log_reader)
        for row in rows:  # it gives the folder's path for the run's name
            row["name"] = log_reader.tags2name.get(row["name"], row["name"])
        return rows

    lib.retry = try_once
    lib.get_hparam_list = hparam_list
    for name in ("get_hparam_list", "get_hparam_indicator", *(f"get_{kind}_tags" for kind in components)):
        setattr(lib, name, after_reading(getattr(lib, name)))
    lib.print = lambda *_: None  # a download prints all its rows
    for name in ("vdl_logger", "werkzeug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@functools.cache
def _log_reader_class():
    from visualdl import LogReader

    class TolerantLogReader(LogReader):
        """A LogReader that leaves a record which is not complete for the next time."""

        def register_reader(self, path, dir=None, update=True):
            if update:
                self.readers.setdefault(path, _RecordReader(path, dir))

        def _get_file_reader(self, file_path, update=True):
            return _RecordReader(file_path) if not update else super()._get_file_reader(file_path)

        def get_log_data(self, component, run, tag):
            self._log_datas.clear()  # a second download would give the first one's rows
            return super().get_log_data(component, run, tag)

    return TolerantLogReader


class _RecordReader:
    """The new records of one file at each call, as VisualDL's own RecordReader, which raises on a torn record, and never finds back."""

    def __init__(self, path, dir=None):
        self.dir = dir
        self._path = path
        self._offset = 0

    def get_remain(self):
        try:
            packets = [packet for packet, _ in read_records(self._path, self._offset)]
        except OSError:
            return []
        self._offset += sum(map(len, packets))
        return [packet[8:] for packet in packets]
