from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from otelkit._assembly.starting import set_aside, uncollected


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Leave the garbage collector as it was found."""
    enabled = gc.isenabled()
    frozen = gc.get_freeze_count()
    yield
    if not frozen:
        gc.unfreeze()
    (gc.enable if enabled else gc.disable)()


def test_the_collector_rests_while_we_start() -> None:
    """And works again afterwards, also if the start failed."""
    gc.enable()
    seen = []

    def start() -> None:
        with uncollected():
            with uncollected():
                seen.append(gc.isenabled())
            seen.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        start()

    assert [*seen, gc.isenabled()] == [False, False, True]


def test_a_collector_that_the_program_has_switched_off_stays_off() -> None:
    """Whoever does that has a reason, and expects nothing to be frozen either."""
    gc.disable()
    before = gc.get_freeze_count()
    with uncollected():
        set_aside()

    assert not gc.isenabled()
    assert gc.get_freeze_count() == before


def test_what_exists_at_the_start_is_set_aside() -> None:
    """Collections of the program do not walk it."""
    gc.enable()
    before = gc.get_freeze_count()
    with uncollected():
        set_aside()

    assert gc.get_freeze_count() > before + 10_000
