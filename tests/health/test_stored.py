"""The embedded store's file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelkit.errors import StoreCorruptError, StoreError, StoreMissingError, StoreVersionError
from otelkit.health.stored import find_store_troubles
from otelkit.model.checks import Finding, Severity


class _Reader:
    """Answers as a healthy store does."""

    closed = False

    def stats(self) -> dict[str, int]:
        return {}

    def runs(self, limit: int = 20) -> list[Any]:
        return []

    def close(self) -> None:
        self.closed = True


def _find(path: Path, reader: object, max_bytes: int = 10**9) -> list[Finding]:
    def open_reader(_: Path) -> Any:
        if isinstance(reader, Exception):
            raise reader
        return reader

    return list(find_store_troubles(path, open_reader, max_bytes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store's file of 1000 bytes."""
    path = tmp_path / "telemetry.db"
    path.write_bytes(b"x" * 1000)
    return path


def test_a_healthy_store_is_closed_again_and_nothing_is_said(path: Path) -> None:
    """The doctor keeps no file open."""
    reader = _Reader()

    assert _find(path, reader) == []
    assert reader.closed


@pytest.mark.parametrize(
    ("kind", "expected", "severity"),
    [
        (StoreMissingError, "store.missing", Severity.NOTE),
        (StoreVersionError, "store.newer", Severity.ERROR),
        (StoreCorruptError, "store.corrupt", Severity.ERROR),
        (StoreError, "store.unreadable", Severity.ERROR),
    ],
)
def test_a_store_that_does_not_open_is_told_by_its_reason(
    kind: type[StoreError], expected: str, severity: Severity, path: Path
) -> None:
    """Each reason has its own remedy."""
    (finding,) = _find(path, kind("because", path=path))

    assert (expected, severity) == (finding.id, finding.severity)
    assert finding.what in ("because", f"There is no store at {path} yet.")


def test_damage_that_shows_when_asked_is_found_and_the_reader_closed(path: Path) -> None:
    """A file may open and be damaged further in."""

    class Damaged(_Reader):
        def runs(self, limit: int = 20) -> list[Any]:
            raise StoreCorruptError("page 7", path=path)

    reader = Damaged()

    assert [finding.id for finding in _find(path, reader)] == ["store.corrupt"]
    assert reader.closed


def test_a_store_that_cannot_be_written_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be read, but no run can be added; asked of the system, because the superuser may write anywhere."""
    real: Callable[..., bool] = os.access
    monkeypatch.setattr(os, "access", lambda file, mode: mode != os.W_OK and real(file, mode))

    (finding,) = _find(path, _Reader())

    assert (finding.id, finding.severity) == ("store.read_only", Severity.ERROR)


@pytest.mark.parametrize(("max_bytes", "expected"), [(800, []), (799, ["store.large"])])
def test_a_store_well_over_its_limit_is_a_warning(path: Path, max_bytes: int, expected: list[str]) -> None:
    """A quarter more is usual: what is old is deleted after the fact."""
    assert expected == [finding.id for finding in _find(path, _Reader(), max_bytes)]
