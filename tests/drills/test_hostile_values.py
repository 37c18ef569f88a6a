"""Values that defend themselves against being looked at, and everything else that has no place on a span."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.drills.programs import check, run
from tests.otlp_server import OtlpServer

HOSTILE = """
    import account, asyncio, logging, otelkit, sys
    from opentelemetry import trace

    class Attack(BaseException):
        pass

    def refuse(self, *args, **kwargs):
        raise RuntimeError("hostile")

    NAMES = '''__repr__ __str__ __getattr__ __eq__ __ne__ __hash__ __len__ __iter__ __bool__ __format__ __index__ __int__
               __float__ __getitem__ __contains__ __lt__ __bytes__ __fspath__ __dir__ __reduce_ex__ __sizeof__'''.split()
    Hostile = type("Hostile", (), dict.fromkeys(NAMES, refuse))
    HostileStr = type("HostileStr", (str,), dict.fromkeys(NAMES[:-2], refuse))
    HostileInt = type("HostileInt", (int,), dict.fromkeys(NAMES[:-2], refuse))
    HostileList = type("HostileList", (list,), dict.fromkeys(NAMES[:-2], refuse))
    HostileDict = type("HostileDict", (dict,), dict.fromkeys(NAMES[:-2], refuse))

    class Lies:
        # Looks like whatever is asked for.
        __class__ = property(lambda self: str)
        __getattr__ = lambda self, name: (lambda *args: 1 << 62)

    class HostileClass(type):
        def __getattribute__(cls, name):
            raise RuntimeError("hostile class")

    class OfHostileClass(metaclass=HostileClass):
        pass

    class HostileError(ValueError):
        __str__ = __repr__ = __getattr__ = __eq__ = refuse
        __hash__ = None

    class NamelessError(ValueError):
        pass

    NamelessError.__module__ = 7
    NamelessError.__qualname__ = "Name\\udc80less"

    values = [Hostile(), HostileStr("text"), HostileInt(7), HostileList([1]), HostileDict(a=1), Lies(), OfHostileClass(),
              Hostile, OfHostileClass]
    returned = 0

    @otelkit.stage("load", item="value")
    def load(value, *more, **named):
        return value

    @otelkit.stage("fail", item="value")
    def fail(value, error):
        raise error

    @otelkit.stage("read")
    def read(values):
        yield from values

    @otelkit.stage("wait", item="value")
    async def wait(value):
        return lambda: value  # asyncio itself looks at what a task returns

    def passed(value):
        yield load(value) is value
        yield load("plain", value, name=value) == "plain"
        yield asyncio.run(wait(value))() is value
        for error in (HostileError(value), NamelessError(value), ValueError(value), KeyError(value)):
            try:
                fail(value, error)
            except Exception as caught:
                yield caught is error

    def set_(value):
        with otelkit.stage("block") as call:
            call.set("key", value)
            yield True
        with otelkit.stage("span"):
            span = trace.get_current_span()
            span.set_attribute("key", value)
            span.add_event("event", {"key": value})
            span.set_attributes({"key": value, "other": [value], "more": (value, 1)})
            logging.getLogger("app").warning("plain", extra={"value": value})
            yield True

    results = [result for value in values for result in (set_ if sys.argv[1:] == ["set"] else passed)(value)]
    results.append(sum(1 for _ in read(values)) == len(values))
    print(all(results), len(results))
"""

ANYTHING = """
    import account, array, collections, ctypes, datetime, decimal, enum, fractions, json, otelkit, pathlib, sys, uuid, weakref
    from opentelemetry import trace

    class Colour(enum.Enum):
        RED = 1

    class Number(enum.IntEnum):
        ONE = 1

    recursive = []
    recursive.append(recursive)
    loop = {}
    loop["loop"] = loop
    deep = "bottom"
    for _ in range(5000):
        deep = [deep]

    values = [
        None, True, 0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400, 0.0, float("nan"), float("inf"), -0.0, 1j, "",
        "x" * 100_000,
        "nul\\0", "\\ud800", "\\udcff", "\\U0010ffff", b"", b"\\xff\\xfe", bytearray(b"x"), memoryview(b"x"), [], (), {}, set(),
        frozenset([1]), [None], [1, "x"], [1, 2.0], [True, 1], [[1], [2]], ["\\ud800"], {"a": 1}, {1: "a"}, {None: None},
        {"a": {"b": [1, {"c": b"x"}]}}, range(3), iter([1]), (x for x in [1]), Colour.RED, Number.ONE, decimal.Decimal("1"),
        fractions.Fraction(1, 3), datetime.datetime.now(), pathlib.Path("x"), uuid.uuid4(), object(), int, len, sys, lambda: 1,
        Ellipsis, NotImplemented, array.array("d", [1.0]), collections.deque([1]), collections.Counter("aab"), ctypes.c_int(3),
        weakref.ref(Colour), recursive, loop, deep, ValueError("x"), Exception, type, collections.UserString("\\udc00"),
    ]

    @otelkit.stage("load", item="value")
    def load(value):
        return value

    for index, value in enumerate(values):
        if sys.argv[1:] != ["set"]:
            load(value)
            continue
        with otelkit.stage("set") as call:
            call.set("value", value)
            call.set(f"after-{index}", "kept")
        with otelkit.stage("span"):
            span = trace.get_current_span()
            span.set_attribute("value", value)
            span.add_event("event", {"value": value})
            span.set_attribute(f"after-{index}", "kept")
    print(len(values))
"""

INVALID_TEXT = """
    import account, logging, otelkit
    from opentelemetry import trace

    BROKEN = "broken-\\udcff\\ud800-text"

    @otelkit.stage("load", item="name")
    def load(name, fail=False):
        if fail:
            raise ValueError(name)

    @otelkit.stage(BROKEN, pipeline=BROKEN)
    def named():
        pass

    for number in range(50):
        load(f"good-{number}")
        if number % 10 == 0:
            load(BROKEN)
            try:
                load(f"failing-{number}" + BROKEN, fail=True)
            except ValueError:
                pass
            with otelkit.stage("values"):
                span = trace.get_current_span()
                span.set_attribute("text", BROKEN)
                span.set_attribute(BROKEN, "by key")
                span.add_event(BROKEN, {BROKEN: [BROKEN]})
                span.update_name(BROKEN)
                logging.getLogger("app").warning("said %s", BROKEN)
    named()
    print("done")
"""

ENDED = """
    import account, json, otelkit, threading
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode

    kept = []

    def disturb(span, when):
        span.set_attribute("when", when)
        span.set_attributes({"when": when})
        span.add_event(when)
        span.record_exception(ValueError(when))
        span.update_name(when)
        span.set_status(Status(StatusCode.ERROR, when))
        span.add_link(trace.SpanContext(1, 1, False))

    @otelkit.stage("late")
    def late():
        span = trace.get_current_span()
        span.set_attribute("when", "inside")
        kept.append(span)

    @otelkit.stage("early")
    def early():
        span = trace.get_current_span()
        span.end()
        disturb(span, "after its own end")
        kept.append(span)
        with trace.get_tracer("app").start_as_current_span("child"):
            pass

    @otelkit.stage("twice")
    def twice():
        kept.append(trace.get_current_span())
        kept[-1].set_attribute("when", "inside")

    for number in range(20):
        late()
        early()
        twice()
        disturb(kept[-3], "too late")
        disturb(kept[-1], "too late")
        kept[-1].end()
        kept[-1].end(end_time=1)
        threads = [threading.Thread(target=kept[-1].end) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with otelkit.stage("block") as call:
        pass
    call.set("when", "too late")
    call.items(ok=5)
    otelkit.flush()
    for span in kept:
        disturb(span, "after it was sent")
        span.end()
    print(json.dumps([span.is_recording() for span in kept].count(True)))
"""


def test_hostile_values_pass_through_unharmed(tmp_path: Path, server: OtlpServer) -> None:
    """Objects that raise on every look, as arguments, items, values and errors: the same comes out, every span is there."""
    done = run(tmp_path, HOSTILE, server.url)

    assert (done.code, done.stdout) == (0, "True 64\n"), done.stderr
    check(done, server, tmp_path)
    assert Counter(span.name for span in server.spans) == {"fail": 36, "load": 18, "read": 1, "wait": 9}


def test_hostile_attributes_are_no_error(tmp_path: Path, server: OtlpServer) -> None:
    """Set on a span they are left out or written as text; whoever sets them hears nothing of it."""
    done = run(tmp_path, HOSTILE, server.url, "set")

    assert (done.code, done.stdout) == (0, "True 19\n"), done.stderr
    check(done, server, tmp_path)
    assert Counter(span.name for span in server.spans) == {"block": 9, "span": 9, "read": 1}


def test_arguments_of_any_type_are_no_error(tmp_path: Path, server: OtlpServer) -> None:
    """What can't be told of an argument is not told; each call has its span."""
    done = run(tmp_path, ANYTHING, server.url)

    assert done.code == 0, done.stderr
    check(done, server, tmp_path)
    assert len(server.spans) == int(done.stdout)


def test_attributes_of_any_type_cost_only_themselves(tmp_path: Path, server: OtlpServer) -> None:
    """What OTLP has no place for is left out or written as text; the span and its other attributes arrive."""
    done = run(tmp_path, ANYTHING, server.url, "set")

    assert done.code == 0, done.stderr
    check(done, server, tmp_path)
    assert len(server.spans) == 2 * int(done.stdout)
    for span in server.spans:
        assert [value for key, value in span.attributes.items() if key.startswith("after-")] == ["kept"], span


def test_text_that_is_no_text_takes_no_neighbours_along(tmp_path: Path, server: OtlpServer) -> None:
    """A lone surrogate in a name, item, message, key or value costs at most its own span, and that is counted."""
    done = run(tmp_path, INVALID_TEXT, server.url)

    assert (done.code, done.stdout) == (0, "done\n"), done.stderr
    done.spans.check()
    assert set(done.spans.lost) <= {"encode_failed"}
    assert done.spans.created == 50 + 5 * 3 + 1
    good = {f"good-{number}" for number in range(50)}
    assert good <= {span.attributes.get("pipeline.item.id") for span in server.spans}
    calls = [point for point in server.points if point.metric == "pipeline.stage.duration"]
    assert sum(point.raw.count for point in calls if point.attributes.get("pipeline.stage.name") == "load") == 60
    done.accounts["logs"].check()


def test_such_a_stage_is_counted_under_its_name(tmp_path: Path, server: OtlpServer) -> None:
    """The metrics of a stage whose name is no text have a name as well, and nobody hears of it on stderr."""
    done = run(tmp_path, INVALID_TEXT, server.url, "metrics")

    calls = [point for point in server.points if point.metric == "pipeline.stage.duration"]
    assert [point.attributes for point in calls if "pipeline.stage.name" not in point.attributes] == []
    assert "Failed to encode" not in done.stderr


def test_an_ended_span_is_sealed(tmp_path: Path, server: OtlpServer) -> None:
    """Ended by its user, ended twice, ended in four threads: each span arrives once, as it was when it first ended."""
    done = run(tmp_path, ENDED, server.url)

    assert (done.code, done.stdout) == (0, "0\n"), done.stderr
    check(done, server, tmp_path)
    names = [span.name for span in server.spans]
    assert {name: names.count(name) for name in sorted(set(names))} == {
        "block": 1, "child": 20, "early": 20, "late": 20, "twice": 20,
    }  # fmt: skip
    early = {span.span_id for span in server.spans if span.name == "early"}
    for span in server.spans:
        assert span.attributes.get("when") == ("inside" if span.name in ("late", "twice") else None)
        assert (span.status, len(span.raw.events), len(span.raw.links)) == (0, 0, 0)
        if span.name == "child":
            assert span.parent_id in early
    durations = [point for point in server.points if point.metric == "pipeline.stage.duration"]
    last = {point.attributes["pipeline.stage.name"]: point.raw.count for point in durations}
    assert last == {"block": 1, "early": 20, "late": 20, "twice": 20}
