"""What arguments say of a call."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otelkit
from otelkit import names
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.calls import Stage, StageKind
from otelkit.model.describers import Describer
from otelkit.stages.describe import MAX_ARGUMENTS, MAX_ITEM, MAX_KEYS, MAX_TYPES, Describers, item_text
from otelkit.testing import Recorder
from otelkit.testing.made_call import MadeCall


class Frame:
    """Stands for a type of a library."""


class SubFrame(Frame):
    pass


def describers(**offered: Describer) -> tuple[Describers, dict[str, Barrier]]:
    barriers: dict[str, Barrier] = {}
    by_name = {f"{__name__}.{name}": Offered("test", "test-dist", each) for name, each in offered.items()}
    return Describers(by_name, barriers), barriers


def says(described: Describers, of: Stage, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    call = MadeCall(of)
    described.describe(call, args, kwargs)
    return call.described


def stage(*parameters: str, item: str | None = None) -> Stage:
    return Stage("s", StageKind.FUNCTION, item=item, parameters=parameters)


def test_an_argument_is_described_by_its_nearest_described_type() -> None:
    """A subclass is described as its base; attributes carry the argument's name."""
    described, _ = describers(Frame=lambda frame: {"": "frame", "rows": 3})

    assert says(described, stage("left", "right"), (SubFrame(), 1), {"other": Frame()}) == {
        "pipeline.argument.left": "frame",
        "pipeline.argument.left.rows": 3,
        "pipeline.argument.other": "frame",
        "pipeline.argument.other.rows": 3,
    }


def test_the_object_of_a_method_is_no_argument() -> None:
    """Neither ``self`` nor ``cls`` in first place."""
    described, _ = describers(Frame=lambda frame: {"": "frame"})

    assert says(described, stage("self", "x"), (Frame(), Frame()), None) == {"pipeline.argument.x": "frame"}
    assert says(described, stage("cls"), (Frame(),), None) == {}


def test_descriptions_are_bounded() -> None:
    """At most eight attributes an argument, 120 characters a text, sixteen arguments a call."""
    described, _ = describers(Frame=lambda frame: {f"k{n:02}": "x" * 1000 for n in range(50)})
    arguments = {f"a{n}": Frame() for n in range(50)}

    attributes = says(described, stage(), (), arguments)

    assert len(attributes) == 8 * MAX_ARGUMENTS
    assert {len(str(value)) for value in attributes.values()} == {120}


def test_a_describer_that_fails_leaves_the_argument_undescribed_and_is_switched_off_in_the_end() -> None:
    """Counted, attributed, and the other arguments are described."""

    def broken(frame: Any) -> Mapping[str, str]:
        raise ValueError("describer is broken")

    described, barriers = describers(Frame=broken, SubFrame=lambda frame: {"": "sub"})
    for _ in range(12):
        attributes = says(described, stage("a", "b"), (Frame(), SubFrame()), None)

        assert attributes == {"pipeline.argument.b": "sub"}

    barrier = barriers[f"describer {__name__}.Frame"]
    assert (barrier.faults, barrier.off, barrier.distribution) == (Barrier.LIMIT, True, "test-dist")


def test_programs_that_make_types_without_end_fill_no_memory() -> None:
    """What is remembered per type is bounded."""
    described, _ = describers(Frame=lambda frame: {})
    for number in range(MAX_TYPES + 10):
        says(described, stage("a"), (type(f"T{number}", (), {})(),), None)

    assert len(described._by_type) <= MAX_TYPES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.wav", "a.wav"),
        (7, "7"),
        (Path("dir/a.wav"), "dir/a.wav"),
        (b"raw", "raw"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("x" * 1000 + "end", "…" + "x" * (MAX_ITEM - 4) + "end"),
        (os.fsdecode(b"\xff.py"), "\\udcff.py"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_named_argument_is_the_item(value: Any, expected: str, recorder: Recorder) -> None:
    """By position or by name, as bounded text that can be encoded."""

    @otelkit.stage("s", item="job")
    def work(number: int, job: Any) -> None: ...

    work(1, value)
    work(2, job=value)

    assert [(span.attributes or {})[names.ITEM_ID] for span in recorder.spans] == [expected, expected]


def test_an_item_that_cannot_be_told_is_left_out(recorder: Recorder) -> None:
    """Its argument was not given, or has a __str__ that raises."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError

    @otelkit.stage("s", item="job")
    def work(job: Any = None) -> None: ...

    work()
    work(Unprintable())

    assert [names.ITEM_ID in (span.attributes or {}) for span in recorder.spans] == [False, False]


def test_an_argument_with_a_telling_name_is_the_item_where_none_is_named(recorder: Recorder) -> None:
    """A path, a url, an id, if it is short by its type; never a payload that happens to be called so."""

    @otelkit.stage("by name")
    def by_name(source: str, input_path: Path) -> None: ...

    @otelkit.stage("payload")
    def payload(item: dict[str, str]) -> None: ...

    by_name("print()", Path("a.py"))
    payload({"secret": "value"})

    assert (recorder.span("by name").attributes or {})[names.ITEM_ID] == "a.py"
    assert names.ITEM_ID not in (recorder.span("payload").attributes or {})


@pytest.mark.parametrize(
    "value",
    ["a.wav", Path("dir/a.wav"), 7, Path("d" * 100, "e" * 60), Path("d" * 200, "e" * 200)],
    ids=["str", "path", "int", "path longer than a description", "path longer than an id"],
)
def test_what_the_items_id_says_is_not_said_again(value: Any, recorder: Recorder) -> None:
    """An attribute less on almost every span; the other arguments are described as ever."""

    @otelkit.stage("s", item="job")
    def work(job: Any, other: Any) -> None: ...

    work(value, value)

    attributes = dict(recorder.span("s").attributes or {})
    assert attributes[names.ITEM_ID] == item_text(value)
    assert {key for key in attributes if key.startswith(names.ARGUMENT_PREFIX)} == {"pipeline.argument.other"}


def test_what_a_describer_says_of_the_item_beyond_its_id_is_kept() -> None:
    """Sizes, and a short value that is not the id."""
    described, _ = describers(Frame=lambda frame: {"": "frame", "rows": 3}, Named=lambda named: {"": "n", "rows": 4})

    class Named:
        def __str__(self) -> str:
            return "n"

    Named.__qualname__ = "Named"

    assert says(described, stage("job", item="job"), (Named(),), None) == {
        names.ITEM_ID: "n",
        "pipeline.argument.job.rows": 4,
    }
    attributes = says(described, stage("job", item="job"), (Frame(),), None)
    assert {key: attributes[key] for key in attributes if key != names.ITEM_ID} == {
        "pipeline.argument.job": "frame",
        "pipeline.argument.job.rows": 3,
    }


def test_nothing_is_described_for_a_span_that_is_not_recorded() -> None:
    """A describer costs nothing where nobody would see what it says."""
    seen = []

    def describe(frame: Any) -> Mapping[str, str]:
        seen.append(frame)
        return {}

    @otelkit.stage
    def work(frame: Frame) -> None: ...

    with Recorder(sampler=ALWAYS_OFF, describers={f"{__name__}.Frame": describe}) as recorder:
        work(Frame())

    assert (seen, recorder.spans, len(recorder.calls)) == ([], [], 1)


class LoudPath(PurePosixPath):
    def __str__(self) -> str:
        return "loud " + super().__str__()


@pytest.mark.parametrize("path", [PurePosixPath("data/a.py"), LoudPath("data/a.py"), PurePosixPath("data/ä.py")])
def test_a_path_is_the_item_as_its_program_writes_it(path: PurePosixPath) -> None:
    """A path of the standard library's is not described a second time; a class of the program's own is asked as ever."""
    described, _ = describers()

    assert says(described, stage("path"), (path,), None) == {names.ITEM_ID: os.fspath(path)}


def test_a_describer_that_makes_up_keys_is_heard_and_not_remembered_for_ever() -> None:
    """Each key becomes an attribute, also beyond those whose names are remembered."""
    told = iter(range(10_000))
    described, _ = describers(Frame=lambda frame: {f"k{next(told)}": 1})
    of = stage("frame")

    for number in range(MAX_KEYS * 2):
        assert says(described, of, (Frame(),), None) == {f"pipeline.argument.frame.k{number}": 1}
