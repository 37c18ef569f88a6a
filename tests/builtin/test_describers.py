"""What is said of the usual arguments."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import io
import os
import subprocess
import sys
import types
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from otelkit._builtin.describers import DESCRIBERS


class Colour(enum.Enum):
    RED = 1


def describe(value: Any) -> Any:
    """Describe by the nearest type that has a describer, as a stage does."""
    for kind in type(value).__mro__:
        describer = DESCRIBERS.get(f"{kind.__module__}.{kind.__qualname__}")
        if describer is not None:
            return dict(describer(value))
    return None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.py", {"": "a.py"}),
        ("x" * 121, {"length": 121}),
        ("two\nlines", {"length": 9}),
        ("secret\x00bytes", {"length": 12}),
        (True, {"": True}),
        (3, {"": 3}),
        (1 << 70, {"bits": 71}),
        (0.5, {"": 0.5}),
        (b"abc", {"bytes": 3}),
        (bytearray(5), {"bytes": 5}),
        (memoryview(array.array("i", [1, 2])), {"bytes": 8}),
        ([1, 2], {"items": 2}),
        ((1,), {"items": 1}),
        ({1, 2, 3}, {"items": 3}),
        (frozenset(), {"items": 0}),
        ({"a": 1}, {"entries": 1}),
        (collections.deque([1]), {"items": 1}),
        (collections.OrderedDict(a=1, b=2), {"entries": 2}),
        (array.array("d", [1.0]), {"items": 1, "type": "d", "bytes": 8}),
        (Path("a/b.py"), {"": "a/b.py"}),
        (PurePosixPath("/" + "x" * 200 + "/end.py"), {"": "…" + "x" * 112 + "/end.py"}),
        (Colour.RED, {"": "Colour.RED"}),
        (uuid.UUID(int=1), {"": "00000000-0000-0000-0000-000000000001"}),
        (datetime.date(2026, 11, 21), {"": "2026-11-21"}),
        (datetime.datetime(2026, 11, 21, 8, 0, tzinfo=datetime.UTC), {"": "2026-11-21T08:00:00+00:00"}),
        (decimal.Decimal("1.50"), {"": "1.50"}),
        (None, None),
        (object(), None),
    ],
)
def test_a_value_is_described_by_itself_if_short_else_by_its_size(value: Any, expected: Any) -> None:
    """Never by its content."""
    assert describe(value) == expected


def test_files_are_described_by_name_and_mode(tmp_path: Path) -> None:
    """Text and binary, buffered and not; what is no real file has no name."""
    path = tmp_path / "a.txt"
    path.write_text("content")
    with path.open() as text, path.open("rb") as binary, path.open("rb", buffering=0) as raw:
        found = [describe(text), describe(binary), describe(raw)]

    tail = str(path) if len(str(path)) <= 120 else "…" + str(path)[-119:]
    assert found == [{"": tail, "mode": "r"}, {"": tail, "mode": "rb"}, {"": tail, "mode": "rb"}]
    assert describe(io.BytesIO(b"x")) is None


def test_directory_entries_are_paths(tmp_path: Path) -> None:
    """As `os.scandir` gives them."""
    (tmp_path / "a.py").touch()
    with os.scandir(tmp_path) as entries:
        (found,) = [describe(entry) for entry in entries]

    assert found[""].endswith("a.py")


def _fake(module: str, name: str, **attributes: Any) -> Any:
    """Return an object that looks like a library's, which need not be installed."""
    cls = type(name, (), {"__module__": module, "__len__": lambda self: attributes["shape"][0]})
    instance = cls()
    vars(instance).update(attributes)
    return instance


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            _fake("numpy", "ndarray", shape=(3, 4), dtype="float32", nbytes=48),
            {"shape": (3, 4), "dtype": "float32", "bytes": 48},
            id="numpy array",
        ),
        pytest.param(
            _fake("torch", "Tensor", shape=(2,), dtype="torch.int8"),
            {"shape": (2,), "dtype": "torch.int8"},
            id="torch tensor",
        ),
        pytest.param(
            _fake("pandas.core.frame", "DataFrame", shape=(7, 2)), {"rows": 7, "columns": 2}, id="pandas frame"
        ),
        pytest.param(_fake("pandas", "DataFrame", shape=(7, 2)), {"rows": 7, "columns": 2}, id="pandas 3 frame"),
        pytest.param(
            _fake("pandas.core.series", "Series", shape=(7,), dtype="int64"), {"rows": 7, "dtype": "int64"}, id="series"
        ),
        pytest.param(
            _fake("pyarrow.lib", "Table", num_rows=9, num_columns=3), {"rows": 9, "columns": 3}, id="arrow table"
        ),
        pytest.param(
            _fake("pyarrow.lib", "ChunkedArray", shape=(9,), type="int64"),
            {"items": 9, "dtype": "int64"},
            id="arrow array",
        ),
        pytest.param(
            _fake("polars.dataframe.frame", "DataFrame", shape=(5, 1)), {"rows": 5, "columns": 1}, id="polars"
        ),
    ],
)
def test_tables_and_arrays_are_described_by_their_shape(value: Any, expected: Any) -> None:
    """Known by name: the libraries are neither needed nor imported."""
    assert describe(value) == expected


def test_no_library_is_imported_for_its_describer() -> None:
    """Importing the describers leaves numpy and the like alone."""
    program = (
        "import sys, otelkit._builtin.describers; "
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'polars', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert run.stdout.strip() == "[]"


def test_a_subclass_of_a_builtin_runs_no_code_of_its_own() -> None:
    """A list that loads from a database when asked for its length is not asked."""

    def explode(self: object) -> Any:
        raise AssertionError("the user's code was run")

    def hostile(base: type, **methods: Callable[..., Any]) -> type:
        return types.new_class("Hostile", (base,), exec_body=lambda body: body.update(methods))

    lazy = dict.fromkeys(("__len__", "__iter__", "__repr__", "__str__"), explode)

    assert describe(hostile(list, **lazy)([1, 2])) == {"items": 2}
    assert describe(hostile(dict, **lazy)(a=1)) == {"entries": 1}
    assert describe(hostile(str, **lazy)("abc")) == {"": "abc"}
    assert describe(hostile(bytes, **lazy)(b"abc")) == {"bytes": 3}
    assert describe(hostile(int, __int__=explode, __index__=explode)(5)) == {"": 5}
    assert describe(hostile(float, __float__=explode)(0.5)) == {"": 0.5}


def test_whatever_is_said_is_short_and_of_a_kind_that_spans_take() -> None:
    """At most 8 attributes, texts of at most 120 characters, scalars or tuples of numbers."""
    values = ["x" * 120, "x" * 500, 5, 0.5, b"x" * 500, list(range(500)), Path("x" * 500), decimal.Decimal("1" * 200),
              _fake("numpy", "ndarray", shape=tuple(range(64)), dtype="x" * 300, nbytes=1)]  # fmt: skip
    for value in values:
        described = describe(value)

        assert len(described) <= 8
        for said in described.values():
            assert isinstance(said, str | int | float | tuple)
            assert not isinstance(said, str) or len(said) <= 120
            assert not isinstance(said, tuple) or len(said) <= 16
