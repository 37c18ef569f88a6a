"""The end of span processors that the program has added to our provider."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from otelkit._assembly.guests import Guests
from otelkit._assembly.provider import Provider
from tests.programs import instrument, write
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk

PROGRAM = """
    import os
    import otelkit
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Telling(SpanExporter):
        def export(self, spans):
            os.write(1, f"exported {[span.name for span in spans]}\\n".encode())
            return SpanExportResult.SUCCESS

        def shutdown(self):
            os.write(1, b"shut down\\n")

    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(Telling(), schedule_delay_millis=60000))

    @otelkit.stage("work")
    def work():
        pass

    work()
    with trace.get_tracer("t").start_as_current_span("own"):
        pass
"""


class Guest(SpanProcessor):
    """Notes what it is told, and by which thread."""

    def __init__(self, answer: Any = None) -> None:
        self.told: list[str] = []
        self.threads: set[str] = set()
        self.answer = answer

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.threads.add(threading.current_thread().name)

    def shutdown(self) -> None:
        self._note("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> Any:
        self._note("flush")
        return self.answer


class Hanging(Guest):
    """Blocks until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def shutdown(self) -> None:
        self.release.wait(30)
        super().shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> Any:
        self.release.wait(30)
        return super().force_flush()


class Broken(Guest):
    """Fails."""

    def shutdown(self) -> None:
        raise RuntimeError("broken")

    def force_flush(self, timeout_millis: int = 30000) -> Any:
        raise RuntimeError("broken")


def made(*processors: SpanProcessor) -> tuple[Guests, Provider]:
    provider = Provider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return Guests(provider), provider


def end(guests: Guests, seconds: float) -> None:
    guests.exit_by(time.monotonic() + seconds, lambda: 0)
    guests.shutdown()


def threads_of_guests() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "otelkit-guests"]


def test_what_the_programs_processors_hold_is_sent_at_exit(tmp_path: Path) -> None:
    """As with the stock SDK, whose provider shuts them down at its exit."""
    write(tmp_path, "app.py", PROGRAM)
    done = instrument(tmp_path, "python", "app.py", OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none",
                      OTEL_LOGS_EXPORTER="none")  # fmt: skip

    assert (done.returncode, done.stdout.splitlines()) == (0, ["exported ['work', 'own']", "shut down"]), done.stderr


def test_each_is_shut_down_once_on_a_thread_of_ours_though_another_fails() -> None:
    """However often the end comes."""
    guest = Guest()
    guests, _ = made(Broken(), guest)
    end(guests, 20)
    end(guests, 20)

    assert (guest.told, guest.threads) == (["shutdown"], {"otelkit-guests"})


def test_those_that_the_program_shuts_down_are_left_alone() -> None:
    """They have been told by the SDK."""
    guest = Guest()
    guests, provider = made(guest)
    provider.shutdown()
    end(guests, 20)

    assert guest.told == ["shutdown"]


def test_one_that_hangs_holds_up_nobody() -> None:
    """A flush says that it was not done in time, and the end comes all the same."""
    guest = Hanging()
    guests, _ = made(guest)
    flushed = guests.flush(0.05)
    end(guests, 0.1)
    before = list(guest.told)
    guest.release.set()
    wait_until(lambda: guest.told == ["flush", "shutdown"])

    assert (flushed, before) == (False, [])


@pytest.mark.parametrize(
    ("guest", "flushed"), [(Guest(), True), (Guest(True), True), (Guest(False), False), (Broken(), False)]
)
def test_a_flush_tells_whether_all_have_flushed(guest: Guest, flushed: bool) -> None:
    """Many processors return nothing, which is no failure; one that fails keeps no other from its flush."""
    other = Guest()
    guests, _ = made(guest, other)
    answer = guests.flush(20)
    end(guests, 20)

    assert (answer, other.told) == (flushed, ["flush", "shutdown"])


def test_a_thread_is_started_with_ours_and_only_for_somebody() -> None:
    """At the first ended span, or when the first processor comes after it; the interpreter starts none as it ends."""
    guests, provider = made()
    guests.prepare()
    nobody = threads_of_guests()
    provider.add_span_processor(Guest())
    somebody = threads_of_guests()
    end(guests, 20)
    wait_until(lambda: not threads_of_guests())

    assert (nobody, somebody) == ([], ["otelkit-guests"])
