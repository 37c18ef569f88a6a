"""What a parent-based sampler is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased

import otelkit
from otelkit._assembly.parent_based import parts_of

pytestmark = pytest.mark.sdk


def test_every_part_is_found() -> None:
    """Those that the SDK puts in where none is given as well."""
    given = [TraceIdRatioBased(share / 10) for share in range(5)]
    root, remote, remote_not, local, local_not = given
    whole = ParentBased(
        root,
        remote_parent_sampled=remote,
        remote_parent_not_sampled=remote_not,
        local_parent_sampled=local,
        local_parent_not_sampled=local_not,
    )

    assert set(parts_of(whole)) == set(given)
    assert set(parts_of(ParentBased(root))) == {root, ALWAYS_ON, ALWAYS_OFF}


def test_no_other_sampler_has_parts() -> None:
    """Nor has what is no sampler."""
    assert (parts_of(ALWAYS_ON), parts_of(None)) == ((), ())


def test_the_sdks_private_names_are_read_here_only() -> None:
    """`vars` of a sampler is in one file."""
    package = Path(otelkit.__file__).parent
    files = [path.name for path in package.rglob("*.py") if "vars(sampler)" in path.read_text(encoding="utf-8")]

    assert files == ["parent_based.py"]
