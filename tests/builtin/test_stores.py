"""The embedded store as a plugin offers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit._assembly.plan import plan
from otelkit.embedded.store import Store, default_path
from otelkit.errors import StoreMissingError
from otelkit.settings import FileSource


def test_the_embedded_store_comes_in_through_the_same_door_as_others(tmp_path: Path) -> None:
    """The setting ``store`` finds it by name, and it reads the folder that ``store_dir`` names."""
    blueprint = plan(env={}, file=FileSource(), code={"store_dir": str(tmp_path)}).blueprint
    offered = blueprint.stores[blueprint.settings.text("store")]
    path = default_path(blueprint.settings)
    with pytest.raises(StoreMissingError):
        offered.value(blueprint.settings)
    Store.open(path, max_bytes=1 << 30, max_age_s=1e9).close()
    reader = offered.value(blueprint.settings)
    runs = reader.runs()
    reader.close()

    assert path == tmp_path / "telemetry.db"
    assert runs == []
