"""Standard library log records → OpenTelemetry log records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider

from otelkit import _guard
from otelkit.logs import OtelkitHandler, correlation, identify
from tests.forking import in_child
from tests.logs.exported import Exports

tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")


@pytest.fixture
def exports() -> Exports:
    return Exports()


@pytest.fixture
def log(exports: Exports) -> Iterator[logging.Logger]:
    """A logger whose records are exported."""
    handler = OtelkitHandler(exports.provider, logging.DEBUG)
    logger = logging.getLogger("app.steps")
    logger.setLevel(logging.DEBUG)
    handler.attach()
    yield logger
    handler.detach()
    logger.setLevel(logging.NOTSET)


def test_a_record_is_exported_with_message_severity_logger_and_ids(log: logging.Logger, exports: Exports) -> None:
    """What a person sees in the log line is what arrives, tied to its span."""
    with tracer.start_as_current_span("s") as span:
        log.warning("file %s has %d lines", "a.py", 3)
    exported = exports.only()
    record = exported.log_record

    assert (record.body, record.severity_text, record.severity_number.value) == ("file a.py has 3 lines", "WARN", 13)
    assert exported.instrumentation_scope.name == "app.steps"
    assert (record.trace_id, record.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)
    assert record.attributes == {}


@pytest.mark.requirement("LOG-04")
def test_the_levels_keep_their_order_and_their_names(log: logging.Logger, exports: Exports) -> None:
    """DEBUG, INFO, WARN, ERROR and FATAL on OpenTelemetry's scale."""
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "x")

    assert [(r.log_record.severity_text, r.log_record.severity_number.value) for r in exports.all()] == [
        ("DEBUG", 5),
        ("INFO", 9),
        ("WARN", 13),
        ("ERROR", 17),
        ("FATAL", 21),
    ]


def test_records_below_the_level_are_not_exported() -> None:
    """The setting `log_level` holds whatever the loggers let through."""
    exports = Exports()
    handler = OtelkitHandler(exports.provider, "WARN")
    log = logging.getLogger("app.quiet")
    log.setLevel(logging.DEBUG)
    handler.attach()
    log.info("no")
    log.warning("yes")
    handler.detach()
    log.warning("too late")

    assert exports.bodies() == ["yes"]


def test_extra_becomes_attributes(log: logging.Logger, exports: Exports) -> None:
    """Numbers stay numbers, nested values stay nested, and None is left out."""
    log.info("x", extra={"rows": 3, "share": 0.5, "ok": True, "path": "a", "nothing": None, "deep": {"k": [1, 2]}})

    assert exports.only().log_record.attributes == {
        "rows": 3,
        "share": 0.5,
        "ok": True,
        "path": "a",
        "deep": {"k": (1, 2)},
    }


def test_an_exception_arrives_with_type_message_and_stack_trace(log: logging.Logger, exports: Exports) -> None:
    """Under the names of the semantic conventions."""

    class OddError(Exception):
        pass

    try:
        raise OddError("no such codec")
    except OddError:
        log.exception("failed")
    attributes = exports.only().log_record.attributes

    assert attributes["exception.type"] == f"{__name__}.{OddError.__qualname__}"
    assert attributes["exception.message"] == "no such codec"
    assert attributes["exception.stacktrace"].startswith("Traceback (most recent call last):")
    assert 'raise OddError("no such codec")' in attributes["exception.stacktrace"]


@pytest.mark.requirement("LOG-02", "LOG-03", "LOG-05")
def test_ids_of_a_piece_of_work_are_attributes(log: logging.Logger, exports: Exports) -> None:
    """Correlation, user and request ids, as long as their block lasts."""
    with identify(correlation_id="c1", user_id="u1"), identify(request_id="r1"):
        log.info("inside")
    log.info("outside")

    assert [dict(record.log_record.attributes) for record in exports.all()] == [
        {"correlation.id": "c1", "user.id": "u1", "request.id": "r1"},
        {},
    ]


class TestWhatCanNotBeEncoded:
    """A record must not cost the others of its request."""

    def test_texts_that_are_no_utf8_are_escaped(self, log: logging.Logger, exports: Exports) -> None:
        """A file name in another encoding, as Python gives it."""
        log.info("bad name %s", "a\udcff.py", extra={"name\udcfe": "b\udcff"})
        record = exports.only().log_record

        assert record.body == r"bad name a\udcff.py"
        assert record.attributes == {r"name\udcfe": r"b\udcff"}

    def test_integers_beyond_64_bits_become_texts(self, log: logging.Logger, exports: Exports) -> None:
        """OTLP has no greater numbers."""
        log.info("x", extra={"big": 1 << 64, "small": -(1 << 63)})

        assert exports.only().log_record.attributes == {"big": str(1 << 64), "small": -(1 << 63)}

    def test_everything_encodes_with_the_official_encoder(self, log: logging.Logger, exports: Exports) -> None:
        """Objects, bytes, sets, cycles, nested dictionaries with odd keys."""
        from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

        cycle: list[object] = []
        cycle.append(cycle)
        odd = {"o": object(), "b": b"\xff", "s": {1}, "c": cycle, "d": {1: {2: {3: {4: {5: 6}}}}}, "nan": float("nan")}
        log.info("x", extra=odd)

        assert len(encode_logs(exports.all()).SerializeToString()) > 0

    def test_endless_texts_are_cut_in_the_middle(self, log: logging.Logger, exports: Exports) -> None:
        """And say how much is missing."""
        log.info("a" * 1_000_000 + "z")
        body = exports.only().log_record.body

        assert len(body) < 70_000
        assert body.startswith("a")
        assert body.endswith("z")
        assert "934465 characters left out" in body


class TestHostSafety:
    """Logging goes on as if we were not there."""

    def test_arguments_that_do_not_fit_are_exported_as_they_are(
        self, exports: Exports, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The mistake is the program's; nothing is raised or printed by us, and nothing is lost."""
        record = logging.LogRecord("a", logging.INFO, "f.py", 1, "%d %d", (1,), None)
        OtelkitHandler(exports.provider).handle(record)

        assert exports.bodies() == ["%d %d [1]"]
        assert capfd.readouterr().err == ""

    def test_an_object_whose_str_fails_is_named(self, log: logging.Logger, exports: Exports) -> None:
        """Its type and its error take its place."""

        class Broken:
            def __str__(self) -> str:
                raise RuntimeError

        log.info("x", extra={"thing": Broken()})

        assert "Broken whose str() raised RuntimeError" in exports.only().log_record.attributes["thing"]

    def test_an_exporter_that_raises_is_contained(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The program's own logging call returns, the fault is counted and said once."""
        monkeypatch.setattr(_guard, "reraise_in_tests", False)

        class Exploding(NoOpLoggerProvider):
            def get_logger(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]  # breaks on purpose
                raise ConnectionError("gone")

        handler = OtelkitHandler(Exploding())
        handler.attach()
        try:
            logging.getLogger("app").error("one")
            logging.getLogger("app").error("two")
        finally:
            handler.detach()
        ours = [record.getMessage() for record in caplog.records if record.name == "otelkit.guard"]

        assert ours == ["log export failed in emit: ConnectionError: gone; it is skipped and counted"]

    def test_a_record_made_while_one_is_translated_does_not_recurse(
        self, log: logging.Logger, exports: Exports
    ) -> None:
        """A `__str__` that logs would otherwise never end."""

        class Chatty:
            def __str__(self) -> str:
                log.info("from __str__")
                return "chatty"

        log.info("x", extra={"thing": Chatty()})

        assert exports.bodies() == ["x"]


class TestNoise:
    """Telemetry about telemetry is not exported."""

    @pytest.mark.parametrize("name", ["otelkit", "otelkit.delivery", "opentelemetry.sdk.trace.export"])
    def test_our_own_and_the_sdks_records_stay_here(self, name: str, log: logging.Logger, exports: Exports) -> None:
        """Exporting them would make more of them."""
        logging.getLogger(name).error("export failed")

        assert exports.bodies() == []

    def test_a_logger_that_only_begins_like_ours_is_exported(self, log: logging.Logger, exports: Exports) -> None:
        """`otelkit_example` is the user's."""
        logging.getLogger("otelkit_example").error("mine")

        assert exports.bodies() == ["mine"]

    def test_http_libraries_are_quiet_only_while_they_export(self, log: logging.Logger, exports: Exports) -> None:
        """The program's own requests are as interesting as ever."""
        urllib3 = logging.getLogger("urllib3.connectionpool")
        urllib3.error("the program's")
        with suppress_instrumentation():
            urllib3.error("an exporter's")
            log.error("the program's own line")
        thread = threading.Thread(target=urllib3.error, args=("ours",), name="otelkit-spans")
        thread.start()
        thread.join()

        assert exports.bodies() == ["the program's", "the program's own line"]


def test_it_stands_aside_while_upstreams_handler_is_on_the_root_logger(log: logging.Logger, exports: Exports) -> None:
    """Every record is exported once, whoever does it."""
    root = logging.getLogger()
    upstream = LoggingHandler(logger_provider=exports.provider)
    root.addHandler(upstream)
    try:
        log.error("once")
    finally:
        root.removeHandler(upstream)
    log.error("and once")

    assert exports.bodies() == ["once", "and once"]


def test_ids_on_records_are_not_attributes(log: logging.Logger, exports: Exports) -> None:
    """A record has fields for them."""
    correlation.install("svc")
    try:
        with tracer.start_as_current_span("s"):
            log.error("x")
    finally:
        correlation.uninstall()

    assert exports.only().log_record.attributes == {}


def test_after_a_fork_records_go_to_the_childs_provider(log: logging.Logger) -> None:
    """And the parent's gets none of them."""
    parents = Exports()
    handler = OtelkitHandler(parents.provider)
    handler.attach()

    def child() -> list[list[object]]:
        own = Exports()
        handler.rebind(own.provider)
        log.error("child")
        return [own.bodies(), parents.bodies()]

    try:
        assert in_child(child) == [["child"], []]
    finally:
        handler.detach()
