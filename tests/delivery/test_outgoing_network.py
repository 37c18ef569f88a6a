"""An `Outgoing` over real HTTP, with receivers that fail in every way there is."""

from __future__ import annotations

import json
import random
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from otelkit.delivery.http_transport import HttpTransport
from otelkit.delivery.otlp_settings import read_otlp_settings
from otelkit.delivery.pace import Patience
from otelkit.delivery.spool import read_spool
from tests.delivery import network
from tests.delivery.carrier import Way
from tests.forking import in_child
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]

QUICK = Patience(0.005, 0.02, 0.1, 0.02)


def over_http(url: str, timeout_s: float = 10.0) -> Callable[[], HttpTransport]:
    env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": str(timeout_s)}
    return lambda: HttpTransport(read_otlp_settings("traces", "http/protobuf", env))


def numbers(*bodies: bytes) -> list[int]:
    """Return the numbers of the items in request bodies; every item here is a number and a semicolon."""
    return [int(number) for body in bodies for number in body.split(b";") if number]


class Receiver:
    """Reads whole requests and answers each as ``choose`` says; remembers what it took and what it left in doubt."""

    OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def __init__(self, choose: Callable[[], str]) -> None:
        self.choose = choose
        self.taken: list[bytes] = []
        self.in_doubt: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        while True:
            how = self.choose()
            if how == "dies early":
                connection.recv(10)
                connection.close()
                return
            body = network.read_request(connection)
            if not body:
                return
            if how == "dies late":
                self.in_doubt.append(body)
                connection.close()
                return
            if how == "silent":
                # Until whoever asked gives up.
                connection.recv(1)
                connection.close()
                return
            if how == "ok":
                self.taken.append(body)
                connection.sendall(self.OK)
            else:
                connection.sendall(f"HTTP/1.1 {how}\r\nContent-Length: 0\r\n\r\n".encode())


FAULTS = (
    "503 Busy",
    "429 Busy\r\nRetry-After: 0",
    "500 Bug",
    "404 Nowhere",
    "dies early",
    "dies late",
    "silent",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_receiver_that_fails_for_a_time_gets_everything_in_the_end(tmp_path: Path, fault: str) -> None:
    """Whatever it did meanwhile: spooled or not, each item is taken once, and the account says delivered."""
    answers = [fault] * 12
    receiver = Receiver(lambda: answers.pop() if answers else "ok")
    with network.server(receiver) as url:
        way = Way(tmp_path, over_http(url, 0.05), endpoint=url, patience=QUICK)
        for number in range(100):
            way.put(b"%d;" % number)
        wait_until(lambda: way.counts() == {"delivered": 100})
        spooled = way.spooled()
        way.close(5)

    assert sorted(numbers(*receiver.taken)) == list(range(100))
    assert spooled == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_receiver_that_only_fails_costs_nothing(tmp_path: Path, fault: str) -> None:
    """At the end everything is on disk, in order, and counted as that."""
    receiver = Receiver(lambda: fault)
    with network.server(receiver) as url:
        way = Way(tmp_path, over_http(url, 0.05), endpoint=url, patience=QUICK)
        for number in range(100):
            way.put(b"%d;" % number)
        way.close(1)

    assert numbers(*way.spooled()) == list(range(100))
    assert way.counts() == {"spooled": 100}
    assert way.stderr.getvalue().count("\n") == 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_receiver_does_each_item_is_delivered_once_or_on_disk(tmp_path: Path, seed: int) -> None:
    """Only an item whose answer was lost may come twice: the protocol does not tell whether it was taken."""
    chance = random.Random(seed)
    lock = threading.Lock()

    def choose() -> str:
        with lock:
            return chance.choice(FAULTS) if chance.random() < 0.6 else "ok"

    receiver = Receiver(choose)
    with network.server(receiver) as url:
        way = Way(tmp_path, over_http(url, 0.05), endpoint=url, patience=QUICK, request_bytes=200)

        def work(first: int) -> None:
            for number in range(first, first + 250):
                way.put(b"%d;" % number)
                if number % 50 == 0:
                    way.outgoing.flush(0.1)

        threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 1000, 250)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        way.close(2)
    found = way.ledger.counts("traces")
    taken, spooled = numbers(*receiver.taken), numbers(*way.spooled())
    assert len(set(taken)) == len(taken), "an item that the receiver had confirmed was sent again"
    assert not set(taken) & set(spooled), "an item that the receiver had confirmed was spooled"
    assert sorted(taken + spooled) == list(range(1000))
    assert (found.delivered, found.spooled, found.lost, found.pending) == (len(taken), len(spooled), {}, 0)


def test_a_receiver_that_comes_back_on_the_same_port_gets_what_was_spooled_in_order(tmp_path: Path) -> None:
    """Here nothing listens at first, so that all is spooled at once and the user is told."""
    url = network.refused()
    port = int(url.rpartition(":")[2])
    way = Way(tmp_path, over_http(url), endpoint=url, patience=QUICK)
    for number in range(20):
        way.put(b"%d;" % number)
        wait_until(lambda: way.outgoing.pending() == 0)
    before = way.counts()
    receiver = Receiver(lambda: "ok")
    with listening(port, receiver):
        wait_until(lambda: way.counts() == {"delivered": 20})
        way.close(5)

    assert before == {"spooled": 20}
    assert numbers(*receiver.taken) == list(range(20))
    assert way.stderr.getvalue().startswith(f"otelkit: nothing listens on {url}; telemetry is kept in ")


@contextmanager
def listening(port: int, behave: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve one connection after another on this very port."""
    listener = socket.create_server(("127.0.0.1", port))
    connections: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                behave(connections[-1])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        for closing in (listener, *connections):
            with suppress(OSError):
                closing.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for closing in (listener, *connections):
            closing.close()


def test_a_full_disk_is_counted_and_what_fits_is_kept(tmp_path: Path) -> None:
    """Here the process may not write files beyond a size."""

    def child() -> Any:
        url = network.refused()
        way = Way(tmp_path, over_http(url), endpoint=url)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        for body, count in ((b"1;" * 50, 50), (b"2;" * 5000, 5000), (b"3;" * 50, 50)):
            way.put(body, count)
            way.outgoing.flush(20)
        way.close(5)
        return way.counts()

    assert in_child(child) == {"spooled": 100, "spool_failed": 5000}
    assert [request.body for request in read_spool(tmp_path)] == [b"1;" * 50, b"3;" * 50]


# -- programs ----------------------------------------------------------------------------------------------------------

PROGRAM = """
import atexit, json, os, sys, threading, time
from pathlib import Path
from otelkit.delivery.notice import Notice
from otelkit.delivery.outgoing import Outgoing
from otelkit.delivery.spool import Spool
from otelkit.delivery.transports import otlp_transport
from otelkit.ledger.ledger import Ledger

url, folder, limit_s, items, what = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
ledger = Ledger()
make = otlp_transport("traces", "http/protobuf", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url})
outgoing = Outgoing("traces", "otlp", make, account=ledger, spool=Spool(folder, 10**8, ledger), notice=Notice(folder),
                    endpoint=url, limit_bytes=10**8)

def put(number):
    ledger.created("traces", 1)
    outgoing.put(b"%d;" % number, 1)

def finish():
    began = time.monotonic()
    outgoing.exit_by(began + limit_s)
    outgoing.close(limit_s)
    found = ledger.counts("traces")
    print(json.dumps([found.delivered, found.spooled, dict(found.lost), found.pending, time.monotonic() - began]))

if what == "child":
    # Everything is put and flushed in a child that ends without any handler.
    pid = os.fork()
    if pid == 0:
        for number in range(items):
            put(number)
        outgoing.flush(30)
        os._exit(0)
    os.waitpid(pid, 0)
    sys.exit()
if what == "hot":
    # Threads that keep the interpreter busy until the very end.
    def spin():
        while True:
            pass
    for _ in range(8):
        threading.Thread(target=spin, daemon=True).start()
atexit.register(finish)
for number in range(items):
    put(number)
if what == "killed":
    outgoing.flush(30)
    print("flushed", flush=True)
    time.sleep(60)
"""


def program(url: str, folder: Path, *, limit_s: float = 1.0, items: int = 1000, what: str = "") -> Any:
    """Run the program; return delivered, spooled, lost, pending, the seconds that its end took, and stderr."""
    arguments = [url, str(folder), str(limit_s), str(items), what]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [*json.loads(done.stdout or "[]"), done.stderr]


@pytest.mark.parametrize("what", ["", "hot"], ids=["quiet", "eight busy threads"])
def test_a_healthy_receiver_gets_everything_before_the_program_ends(tmp_path: Path, what: str) -> None:
    """Also if daemon threads keep the interpreter busy all the time: that is not the receiver's fault."""
    receiver = Receiver(lambda: "ok")
    with network.server(receiver) as url:
        result = program(url, tmp_path, limit_s=20.0, what=what)

    assert sorted(numbers(*receiver.taken)) == list(range(1000))
    assert result[:4] == [1000, 0, {}, 0]
    assert (result[-1], list(tmp_path.iterdir())) == ("", [])


BAD: dict[str, Callable[[], Any]] = {
    "never answers": lambda: network.server(network.silent),
    "answers a byte at a time": lambda: network.server(network.dripping),
    "answers 503": lambda: network.server(network.answering(503)),
    "answers 429": lambda: network.server(network.answering(429, headers="Retry-After: 1\r\n")),
    "dies in the middle": lambda: network.server(network.dying),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_network_neither_delays_the_end_nor_costs_an_item(tmp_path: Path, bad: Callable[[], Any]) -> None:
    """Everything is on disk, the account adds up, and stderr has one line."""
    with bad() as url:
        *counts, took_s, stderr = program(url, tmp_path, limit_s=1.5)
    found = [request.body for request in read_spool(tmp_path)]

    assert sorted(numbers(*found)) == list(range(1000))
    assert counts == [0, 1000, {}, 0]
    assert (stderr.count("\n"), stderr.startswith("otelkit: ")) == (1, True)
    # Generous: this machine may be slow.
    assert took_s < 1.5 + 3


def test_without_any_time_what_could_not_be_kept_is_in_the_account(tmp_path: Path) -> None:
    """An exit limit of nothing loses nothing without saying so."""
    with network.server(network.silent) as url:
        delivered, spooled, lost, pending, _, _ = program(url, tmp_path, limit_s=0.0)

    assert (delivered, spooled + sum(lost.values()) + pending) == (0, 1000)
    assert sorted(numbers(*(request.body for request in read_spool(tmp_path))))[:spooled] == list(range(spooled))


def test_a_child_that_ends_by_force_after_its_flush_loses_nothing(tmp_path: Path) -> None:
    """``os._exit`` runs no handler; with a receiver it has everything, without one the disk has."""
    receiver = Receiver(lambda: "ok")
    with network.server(receiver) as url:
        program(url, tmp_path / "a", what="child")
    program(network.refused(), tmp_path / "b", what="child")

    assert sorted(numbers(*receiver.taken)) == list(range(1000))
    assert sorted(numbers(*(request.body for request in read_spool(tmp_path / "b")))) == list(range(1000))


def test_what_a_killed_program_left_is_sent_by_the_next_start(tmp_path: Path) -> None:
    """kill -9 after its flush: each item arrives once, although nobody runs `otelkit up`."""
    url = network.refused()
    port = int(url.rpartition(":")[2])
    killed = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(tmp_path), "1", "500", "killed"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == "flushed\n"
    killed.kill()
    killed.wait()
    killed.stdout.close()
    receiver = Receiver(lambda: "ok")
    with listening(port, receiver):
        way = Way(tmp_path, over_http(url), endpoint=url)
        way.put(b"1000;")
        wait_until(lambda: len(numbers(*receiver.taken)) == 501)
        way.close(5)

    assert numbers(*receiver.taken) == [1000, *range(500)]
    assert way.counts() == {"delivered": 1}
    assert list(tmp_path.glob("*.otlp")) == []
