"""What to say of the usual arguments: a short value, or a size and a type; never a payload.

Sizes are asked of the built-in type itself (``list.__len__``), so that a subclass of the user's runs no code of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from otelkit.model.calls import AttributeValue
from otelkit.model.describers import Describer
from otelkit.plugin import hookimpl

_MAX_TEXT: Final = 120
_INT64: Final = range(-(1 << 63), 1 << 63)

# Any below: a describer gets values of the one type it is registered for, which need not be importable here.
Described = Mapping[str, AttributeValue]


def _text(value: str) -> Described:
    """A short line is its own description; of anything longer, or of several lines, only the length is told."""
    text = str.__str__(value)
    if len(text) <= _MAX_TEXT and text.isprintable():
        return {"": text}
    return {"length": len(text)}


def _path_text(text: str) -> Described:
    # The end of a path tells files apart.
    return {"": text if len(text) <= _MAX_TEXT else "…" + text[1 - _MAX_TEXT :]}


def _path(value: Any) -> Described:
    return _path_text(str(value))


def _directory_entry(value: Any) -> Described:
    path = value.path
    return _path_text(path if isinstance(path, str) else repr(path))


def _bool(value: bool) -> Described:
    return {"": value}


def _int(value: int) -> Described:
    number = int.__int__(value)
    # OTLP's numbers have 64 bits.
    return {"": number} if number in _INT64 else {"bits": number.bit_length()}


def _float(value: float) -> Described:
    return {"": float.__float__(value)}


def _short_str(value: Any) -> Described:
    return {"": str(value)[:_MAX_TEXT]}


def _iso(value: Any) -> Described:
    return {"": value.isoformat()[:_MAX_TEXT]}


def _enum_member(value: Any) -> Described:
    return {"": f"{type(value).__name__}.{value.name}"[:_MAX_TEXT]}


def _nbytes(value: Any) -> Described:
    return {"bytes": int(value.nbytes)}


def _array(value: Any) -> Described:
    return {"items": len(value), "type": str(value.typecode), "bytes": len(value) * int(value.itemsize)}


def _sized(length: Callable[[Any], int], key: str) -> Describer:
    return lambda value: {key: length(value)}


def _file(value: Any) -> Described:
    name = getattr(value, "name", None)
    mode = getattr(value, "mode", None)
    described: dict[str, AttributeValue] = dict(_path_text(name)) if isinstance(name, str) else {}
    if isinstance(mode, str):
        described["mode"] = mode[:_MAX_TEXT]
    return described


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in value.shape[:16])


def _ndarray(value: Any) -> Described:
    described: dict[str, AttributeValue] = {"shape": _shape(value), "dtype": str(value.dtype)[:_MAX_TEXT]}
    if isinstance(getattr(value, "nbytes", None), int):
        described["bytes"] = int(value.nbytes)
    return described


def _frame(value: Any) -> Described:
    rows, columns = value.shape
    return {"rows": int(rows), "columns": int(columns)}


def _series(value: Any) -> Described:
    return {"rows": int(value.shape[0]), "dtype": str(value.dtype)[:_MAX_TEXT]}


def _arrow_columns(value: Any) -> Described:
    return {"rows": int(value.num_rows), "columns": int(value.num_columns)}


def _arrow_values(value: Any) -> Described:
    return {"items": len(value), "dtype": str(value.type)[:_MAX_TEXT]}


DESCRIBERS: Final[Mapping[str, Describer]] = {
    "builtins.str": _text,
    "builtins.bool": _bool,
    "builtins.int": _int,
    "builtins.float": _float,
    "builtins.bytes": _sized(bytes.__len__, "bytes"),
    "builtins.bytearray": _sized(bytearray.__len__, "bytes"),
    "builtins.memoryview": _nbytes,
    "builtins.list": _sized(list.__len__, "items"),
    "builtins.tuple": _sized(tuple.__len__, "items"),
    "builtins.set": _sized(set.__len__, "items"),
    "builtins.frozenset": _sized(frozenset.__len__, "items"),
    "builtins.dict": _sized(dict.__len__, "entries"),
    "collections.deque": _sized(len, "items"),
    "array.array": _array,
    "datetime.date": _iso,
    "datetime.time": _iso,
    "datetime.timedelta": _short_str,
    "decimal.Decimal": _short_str,
    "fractions.Fraction": _short_str,
    "uuid.UUID": _short_str,
    "enum.Enum": _enum_member,
    # `pathlib` became a package in 3.13; its classes kept the new home's name for that release.
    "pathlib.PurePath": _path,
    "pathlib._local.PurePath": _path,
    "posix.DirEntry": _directory_entry,
    "nt.DirEntry": _directory_entry,
    "_io.FileIO": _file,
    "_io.BufferedReader": _file,
    "_io.BufferedWriter": _file,
    "_io.BufferedRandom": _file,
    "_io.TextIOWrapper": _file,
    "tempfile._TemporaryFileWrapper": _file,
    "zipfile.ZipFile": lambda value: _path_text(value.filename) if isinstance(value.filename, str) else {},
    # Libraries are known by name only and never imported here. Some give their classes the public home, some the real one.
    "numpy.ndarray": _ndarray,
    "numpy.generic": lambda value: {"dtype": str(value.dtype)[:_MAX_TEXT]},
    "pandas.core.frame.DataFrame": _frame,
    "pandas.DataFrame": _frame,
    "pandas.core.series.Series": _series,
    "pandas.Series": _series,
    "pyarrow.lib.Table": _arrow_columns,
    "pyarrow.lib.RecordBatch": _arrow_columns,
    "pyarrow.lib.Array": _arrow_values,
    "pyarrow.lib.ChunkedArray": _arrow_values,
    "polars.dataframe.frame.DataFrame": _frame,
    "polars.series.series.Series": _series,
    "torch.Tensor": _ndarray,
}
"""By the full dotted name of the type."""


@hookimpl
def otelkit_describers() -> Mapping[str, Describer]:
    return DESCRIBERS
