"""The committed module of the Collector is what its manifest says, pinned by hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "collector" / "distribution"


def listed() -> dict[str, str]:
    """Return the version of each module in the manifest."""
    manifest = (FOLDER / "manifest.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  - gomod: (\S+) (\S+)", manifest, re.MULTILINE))


def test_the_module_has_every_part_of_the_manifest_and_no_other() -> None:
    """Whoever changes the manifest writes the module anew."""
    text = (FOLDER / "go.mod").read_text(encoding="utf-8")
    (parts,) = re.findall(r"^require \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)[:1]
    required = dict(re.findall(r"^\t(\S+) (\S+)$", parts, re.MULTILINE))
    # What holds the parts together is required beside them, and is no part itself.
    frame = {
        "component",
        "confmap",
        "connector",
        "exporter",
        "extension",
        "otelcol",
        "processor",
        "receiver",
        "service",
    }
    own = {
        name: version
        for name, version in required.items()
        if name.removeprefix("go.opentelemetry.io/collector/") not in frame
    }

    assert {name: version for name, version in own.items() if not name.startswith("golang.org/")} == listed()


@pytest.mark.parametrize("file", ["components.go", "main.go"])
def test_the_program_is_made_of_the_manifest(file: str) -> None:
    """Each part is imported by the generated code: the providers by `main.go`, all others by `components.go`."""
    code = (FOLDER / file).read_text(encoding="utf-8")
    providers = {name for name in listed() if "/confmap/provider/" in name}
    expected = providers if file == "main.go" else set(listed()) - providers

    assert (
        set(re.findall(r'^\t\w+ "(\S+)"$', code, re.MULTILINE))
        - {"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"}
        == expected
    )


def test_every_part_is_pinned_by_the_hash_of_its_sources() -> None:
    """`go.sum` has them, so that a build takes these sources or none."""
    sums = (FOLDER / "go.sum").read_text(encoding="utf-8")
    missing = {name for name, version in listed().items() if f"{name} {version} h1:" not in sums}

    assert missing == set()
