"""The examples of the pages run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.otlp_server import otlp_server
from tests.programs import clean_environment, instrument, write

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_run_one_after_another(page: Path, tmp_path: Path) -> None:
    """Each page's blocks, as one program, without otelkit installed in the process: they pass through."""
    program = "\n\n".join(blocks(str(page.relative_to(ROOT)), "python"))
    write(tmp_path, "page.py", program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=tmp_path, env=clean_environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_toml_blocks_are_toml(page: Path) -> None:
    """They can be copied as they are."""
    for block in blocks(str(page.relative_to(ROOT)), "toml"):
        assert tomllib.loads(block)


def test_the_stages_of_the_how_to_page_do_what_it_says(tmp_path: Path) -> None:
    """Names, pipeline, item, items of a generator and of a block, and a run around them."""
    (tmp_path / "one.txt").write_text("a b c", encoding="utf-8")
    program = "\n\n".join(blocks("docs/how-to/stages.md", "python"))
    write(
        tmp_path,
        "app.py",
        program
        + "\n\nfrom pathlib import Path\nmain([Path('one.txt')])\nlist(read([Path('one.txt')]))\nwrite([1, 2])\n",
    )
    with otlp_server() as server:
        done = instrument(tmp_path, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

        assert (done.returncode, done.stderr) == (0, "")
        spans: dict[str, dict[str, Any]] = {span.name: span.attributes for span in server.spans}
    assert set(spans) == {"parse", "count", "read", "write", "nightly"}
    assert spans["count"]["pipeline.name"] == "words"
    assert spans["count"]["pipeline.item.id"] == "one.txt"
    assert spans["read"]["pipeline.items.ok"] == 1
    assert (spans["write"]["pipeline.items.ok"], spans["write"]["format"]) == (2, "csv")
    assert spans["nightly"]["pipeline.run.total"] == 1


def test_the_plugin_of_the_how_to_page_is_active_when_installed(tmp_path: Path) -> None:
    """Its step marks spans, its describer describes its own type."""
    (module,) = blocks("docs/how-to/write-a-plugin.md", "python")
    entry_points = blocks("docs/how-to/write-a-plugin.md", "toml")[0]
    write(tmp_path, "otelkit_words.py", module)
    name, value = re.findall(r'(\w+) = "(.+)"', entry_points)[0]
    write(
        tmp_path, "otelkit_words-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: otelkit-words\nVersion: 1.0\n"
    )
    write(tmp_path, "otelkit_words-1.0.dist-info/entry_points.txt", f"[otelkit]\n{name} = {value}\n")
    write(
        tmp_path,
        "app.py",
        """
        import otelkit, otelkit_words

        @otelkit.stage
        def count(text):
            return len(text.words)

        count(otelkit_words.Text(["a", "b"]))
        """,
    )
    with otlp_server() as server:
        done = instrument(tmp_path, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

        assert (done.returncode, done.stderr) == (0, "")
        (span,) = server.spans
    assert span.attributes["words.language"] == "en"
    assert span.attributes["pipeline.argument.text.words"] == 2


def test_the_configuration_file_of_the_settings_page_works(tmp_path: Path) -> None:
    """With the endpoint replaced by one that listens."""
    (text,) = blocks("docs/how-to/settings.md", "yaml")
    write(tmp_path, "app/__init__.py", "")
    write(tmp_path, "app/steps.py", "def parse(text):\n    return text\n")
    write(tmp_path, "main.py", "from app import steps\nsteps.parse('x')\n")
    with otlp_server() as server:
        write(tmp_path, "sdk.yaml", text.replace("http://collector:4318", server.url))
        done = instrument(tmp_path, "python", "main.py", OTEL_CONFIG_FILE="sdk.yaml", OTEL_METRICS_EXPORTER="none")

        assert (done.returncode, done.stderr) == (0, "")
        assert [span.name for span in server.spans] == ["steps.parse"]
