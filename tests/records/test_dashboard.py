"""The dashboard: the application read through VisualDL's HTTP API, and the real process watched from outside."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.records import dashboard
from paddle_gan_aug.records.run_records import Records
from paddle_gan_aug.records.visualdl_file import read_records

ROOT = Path(dashboard.__file__).parents[2]


@pytest.fixture
def log_folder(tmp_path):
    with Records(tmp_path / "output", tmp_path / "log", "first") as run:
        for step in range(5):
            run.scalars(step, {"g_loss": step, "x": step})
        run.image(0, np.zeros((4, 4), np.uint8))
    return tmp_path / "log"


@pytest.fixture
def ask(log_folder, monkeypatch):
    """ask(path, query...) -> data, of an application that looks at its files for every request"""
    from werkzeug.test import Client

    monkeypatch.setattr(dashboard, "RESCAN_SECONDS", 0)
    client = Client(dashboard.make_app(log_folder, cache_seconds=1e-9))
    return lambda path, **query: client.get(f"/app/api/{path}?{urlencode(query)}").json["data"]


def steps(ask, run="g_loss @ first", tag="loss"):
    points = ask("scalar/list", run=run, tag=tag)
    return None if points is None else [step for _, step, _ in points]


def test_live_run_is_followed_through_a_cut(log_folder, ask):
    assert steps(ask) == [0, 1, 2, 3, 4]
    run = Records(log_folder.parent / "output", log_folder, "first")
    run.scalars(5, {"g_loss": 5})
    assert steps(ask) == [0, 1, 2, 3, 4, 5]
    run.cut(2)
    assert steps(ask) == [0, 1, 2]
    run.scalars(3, {"g_loss": 30})
    run.close()
    assert steps(ask) == [0, 1, 2, 3]
    assert ask("scalar/list", run="g_loss @ first", tag="loss")[-1][1:] == [3, 30.0]


def test_removed_run_does_not_take_the_others_down(log_folder, ask, monkeypatch):
    with Records(log_folder.parent / "output2", log_folder, "second") as run:
        run.scalars(7, {"g_loss": 7})
    assert "g_loss @ second" in ask("scalar/tags")["runs"]
    assert steps(ask, "g_loss @ second") == [7]
    shutil.rmtree(log_folder / "first")
    assert steps(ask, "g_loss @ second") == [7]
    assert ask("scalar/tags")["runs"] == ["g_loss @ second"]
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"a request waits for {seconds} s"))  # as VisualDL's own do
    assert steps(ask) is None


def test_record_that_is_still_being_written_is_read_when_complete(log_folder):
    from werkzeug.test import Client

    path = log_folder / "first" / "g_loss" / "vdlrecords.first.log"
    *_, (last, _) = read_records(path)
    whole = path.read_bytes()
    path.write_bytes(whole + last[:11])
    client = Client(dashboard.make_app(log_folder, cache_seconds=1e-9))  # starts, though a record is torn

    def ask(query, **arguments):
        return client.get(f"/app/api/{query}?{urlencode(arguments)}").json["data"]

    assert steps(ask) == [0, 1, 2, 3, 4]
    with open(path, "ab") as file:
        file.write(last[11:])
    assert steps(ask) == [0, 1, 2, 3, 4, 4]


def test_downloads_are_up_to_date_and_print_nothing(log_folder, capfd):
    from werkzeug.test import Client

    client = Client(dashboard.make_app(log_folder, cache_seconds=1e-9))
    url = "/app/api/scalar/data?" + urlencode({"run": "g_loss @ first", "tag": "loss", "type": "csv"})
    assert len(client.get(url).text.split()) == 6
    with Records(log_folder.parent / "output", log_folder, "first") as run:
        run.scalars(5, {"g_loss": 5})
    assert client.get(url).text.split()[-1].startswith("5,loss,")
    client.get("/app/api/hparams/importance")  # fails inside VisualDL
    assert capfd.readouterr() == ("", "")


def test_two_applications_in_one_process_do_not_add_up(log_folder, ask):
    dashboard.make_app(log_folder)
    assert steps(ask) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("language, title", [("en", "en"), ("zh", "zh")])
def test_page_needs_no_language_header(log_folder, language, title):
    from werkzeug.test import Client

    client = Client(dashboard.make_app(log_folder, language))
    response = client.get("/app/index")
    assert response.status_code == 200 and "VisualDL" in response.text
    assert f"vdl_lng={title}" in response.headers["Set-Cookie"]
    assert "63a600296f8a71f576c4806376a9245b" not in client.get("/app/_dist_/index.js").text  # the key of the page's own telemetry
    assert client.get("/app/api/component_tabs").json["data"] == list(dashboard.TABS)


def test_no_network_no_thread_no_signal_handler(log_folder, monkeypatch):
    from werkzeug.test import Client

    calls = []
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: calls.append(arguments))
    handler, threads = signal.getsignal(signal.SIGINT), set(threading.enumerate())
    app = dashboard.make_app(log_folder)
    Client(app).get("/app/index")
    Client(app).get("/app/api/component_tabs")
    assert calls == []
    assert signal.getsignal(signal.SIGINT) is handler
    assert set(threading.enumerate()) == threads
    built = []
    thread = threading.Thread(target=lambda: built.append(dashboard.make_app(log_folder)))  # as a notebook may
    thread.start()
    thread.join()
    assert built


def test_bad_input_is_told(tmp_path):
    with pytest.raises(InputError, match="no such log folder"):
        dashboard.Dashboard(tmp_path / "missing")
    for port in (-1, 65536, "http", 1.5, True):
        with pytest.raises(InputError, match=r"^port .*: a port is a whole number from 0"):
            dashboard.Dashboard(tmp_path, port=port)
    with pytest.raises(InputError, match="^language 'fr': choose one of en, zh"):
        dashboard.Dashboard(tmp_path, port=0, language="fr")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"^port {port}: already in use; choose another one, or 0"):
            dashboard.Dashboard(tmp_path, port=port)


def test_missing_visualdl_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "visualdl.reader", None)
    with pytest.raises(InputError, match="pip install visualdl"):
        dashboard.Dashboard(tmp_path, port=0)


class Server:
    """A dashboard process."""

    CODE = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a parent may have switched it off
        "from paddle_gan_aug.cli.main import main\n"
        "sys.exit(main(['dashboard', sys.argv[1], '--port', '0']))"
    )

    def __init__(self, folder):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", self.CODE, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.lines = []
        while not self.lines or "http" not in self.lines[-1]:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.lines.append(line)
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/app/index  \(Ctrl-C stops it\)$", self.lines[-1]).group(1))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=10)
        return self.process.returncode, output, errors


@pytest.fixture
def start():
    servers = []

    def start_one(folder):
        servers.append(Server(folder))
        return servers[-1]

    yield start_one
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="interrupts a process as a terminal does")
def test_real_process(log_folder, start):
    server = start(log_folder)
    with socket.create_connection(("127.0.0.1", server.port)):  # a browser's spare connection must not block the others
        assert server.get("/app/index")[0] == 200
    status, body = server.get("/app/api/scalar/list?" + urlencode({"run": "g_loss @ first", "tag": "loss"}))
    assert [point[1:] for point in json.loads(body)["data"]] == [[step, float(step)] for step in range(5)]
    if sys.platform == "linux":  # where every 127.x.x.x is this machine
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", server.port), timeout=5).close()
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        assert not children.exists() or children.read_text() == ""
    results = []
    threads = [threading.Thread(target=lambda: results.append(server.get("/app/api/runs"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({body for _, body in results}) == 1 and len(results) == 8
    code, output, errors = server.interrupt()
    assert (code, output, errors) == (0, "", "")
    with socket.create_server(("127.0.0.1", server.port)):  # given back
        pass


@pytest.mark.skipif(os.name == "nt", reason="interrupts a process as a terminal does")
def test_empty_folder_is_served_and_fills(tmp_path, start):
    server = start(tmp_path)
    assert "holds no records yet" in server.lines[0]
    assert json.loads(server.get("/app/api/scalar/tags")[1])["data"] == {"runs": [], "tags": []}
    with Records(tmp_path / "output", tmp_path / "first-log", "run") as run:
        run.scalars(1, {"g_loss": 1})
    deadline = time.monotonic() + 60
    while not json.loads(server.get("/app/api/scalar/tags")[1])["data"]["runs"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert server.interrupt()[0] == 0


@pytest.mark.parametrize("content", [b"\xff" * 500, bytes(range(256)), b"\x01\x02", "pipe", "device"])
def test_a_record_file_that_holds_no_record_is_named(log_folder, start, content):
    path = log_folder / "odd" / "vdlrecords.1.log"
    path.parent.mkdir()
    (log_folder / "odd" / "vdlrecords.2.log").touch()  # a run that is just beginning
    if content == "pipe":
        os.mkfifo(path)
    elif content == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(content)
    server = start(log_folder)
    assert server.lines[0] == f"left out, since no VisualDL record is in it: {path}\n"
    assert "g_loss @ first" in json.loads(server.get("/app/api/scalar/tags")[1])["data"]["runs"]
    assert server.interrupt()[0] == 0


def serve_in_a_process(folder, **variables):
    """The process of `dashboard FOLDER --json`, and its first line as it came."""
    command = [sys.executable, "-m", "paddle_gan_aug", "dashboard", str(folder), "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    return process, process.stdout.readline()


@pytest.mark.parametrize("home", [None, "/proc/nowhere"])
def test_json_and_a_home_that_cannot_be_written_to(log_folder, tmp_path, home):
    """VisualDL makes folders in the home when it is imported."""
    process, line = serve_in_a_process(log_folder, **({"HOME": home} if home else {"HOME": str(tmp_path)}))
    try:
        told = json.loads(line)
        assert told["log"] == str(log_folder)
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/app/index", told["address"])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/app/api/runs")
        assert "g_loss @ first" in connection.getresponse().read().decode()
        connection.close()
    finally:
        process.kill()
        process.communicate()


def test_the_true_reason_is_told(tmp_path, monkeypatch):
    def refuses():
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(dashboard, "import_visualdl", refuses)
    with pytest.raises(InputError, match="neither the home folder nor a temporary one can be written to"):
        dashboard.Dashboard(tmp_path, port=0)


def test_the_table_of_settings_shows_those_that_tell_runs_apart():
    rows = [{"a": 1, "b": "none", "c": 2}, {"a": 1, "b": "none", "c": 3, "d": 4}]
    assert dashboard.telling_settings(rows) == {"c", "d"}
    assert dashboard.telling_settings(rows[:1]) == {"a", "c"}
    assert dashboard.telling_settings([]) == set()


def test_settings_points_curves_and_graphs_of_all_runs(tmp_path, monkeypatch):
    from paddle import nn
    from werkzeug.test import Client

    labels = np.array([0, 0, 1, 1])
    for number, name in enumerate(("one", "two")):
        with Records(tmp_path / name, tmp_path / "log", name) as run:
            run.hyperparameters({"seed": number, "batch": 64}, ["accuracy"])
            run.embedding("features", np.zeros((9, 3)), {"origin": ["real"] * 9})
            run.embedding("features", np.ones((4, 3)) * number, {"origin": ["real", "generated"] * 2, "class": list("abab")})
            run.histogram(5, "D scores/real", np.array([0.0, 1.0, 2.0, np.nan]))
            run.curves(5, "class 7", labels, np.array([0.1, 0.6, 0.4, 0.9]))
            run.graph("generator", nn.Sequential(nn.Linear(3, 2)), [np.zeros((2, 3), np.float32)])
    monkeypatch.setattr(dashboard, "RESCAN_SECONDS", 0)
    client = Client(dashboard.make_app(tmp_path / "log", cache_seconds=1e-9))

    def ask(path, **query):
        return client.get(f"/app/api/{path}?{urlencode(query)}").json["data"]

    assert [row["hparams"] for row in ask("hparams/list")] == [{"seed": 0}, {"seed": 1}]
    assert [column["name"] for column in ask("hparams/indicators")["hparams"]] == ["seed"]
    points = ask("embedding/list")
    assert [entry["shape"] for entry in points] == [[4, 3], [4, 3]]
    assert [entry["name"] for entry in points] == ["embeddings @ one, features", "embeddings @ two, features"]
    metadata = client.get(f"/app/api/embedding/metadata?{urlencode({'name': points[1]['name']})}").text
    assert metadata.splitlines() == ["origin\tclass", "real\ta", "generated\tb", "real\ta", "generated\tb"]
    tensor = client.get(f"/app/api/embedding/tensor?{urlencode({'name': points[1]['name']})}").data
    np.testing.assert_array_equal(np.frombuffer(tensor, np.float32), np.ones(12))
    ((_, step, buckets),) = ask("histogram/list", run="histograms @ one", tag="D scores/real")
    assert step == 5 and sum(count for _, _, count in buckets) == 3
    ((_, step, tpr, fpr, *_),) = ask("roc-curve/list", run="roc @ two", tag="class 7")
    assert step == 5 and (tpr[0], fpr[0]) == (1, 1)
    ((_, _, precision, recall, *_),) = ask("pr-curve/list", run="precision-recall @ two", tag="class 7")
    assert recall[0] == 1 and precision[0] == 0.5
    graphs = ask("graph_runs")
    assert len(graphs) == 2 and all("generator" in name for name in graphs)
    assert [node["type"] for node in ask("graph/graph", run=graphs[0])["nodes"]] == ["Linear"]
