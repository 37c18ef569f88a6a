"""Write the generated pages, or check that they are current.

python -m docs.generate            write docs/reference/*.md, and docs/explanation/sampling.md with its pictures
python -m docs.generate --check    exit 1 and name the pages that differ
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click

from docs import sampling
from docs.workers import workers_page
from otelkit import names
from otelkit._builtin.command_list import COMMANDS
from otelkit._builtin.setting_list import SETTINGS
from otelkit._cli.group import commands as program
from otelkit._cli.overview import overview
from otelkit.plugin import specs
from otelkit.plugin.manager import HOOKS
from otelkit.settings import Setting

REFERENCE: Final = Path(__file__).parent / "reference"
_NOTE: Final = "This page is generated from the code by `make docs`; edit the code instead.\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(header), ["---"] * len(list(header)), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def settings_page() -> str:
    """Return the page of all settings of the core."""

    def row(setting: Setting) -> tuple[str, ...]:
        default = "" if setting.default in (None, (), "") else f"`{_as_toml(setting.default)}`"
        aliases = "".join(f"<br>also `{alias}`" for alias in setting.aliases)
        return (f"`{setting.name}`", f"`{setting.env}`{aliases}", default, setting.expected, setting.meaning)

    return (
        "# Settings\n\n" + _NOTE + "\n"
        "Strongest first: `otelkit.configure(name=value)`; the environment variable, or the flag of\n"
        "`opentelemetry-instrument` made of it (`--otelkit_stages`); `otelkit.toml`, or `[tool.otelkit]` in\n"
        "`pyproject.toml`; the default.\n"
        "With `OTEL_CONFIG_FILE`, that file's settings under `distribution.otelkit` stand in the place of the other files.\n"
        "`otelkit plan` prints every value in force and where it came from.\n"
        "All `OTEL_*` variables of OpenTelemetry keep their meaning.\n"
        "An empty environment variable counts as unset.\n\n"
        + table(("Setting", "Environment", "Default", "Expected", "Meaning"), map(row, SETTINGS))
    )


def _as_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def metrics_page() -> str:
    """Return the page of all metrics."""
    rows = ((f"`{name.key}`", name.kind, f"`{name.unit}`", name.meaning) for name in names.METRICS)
    return (
        "# Metrics\n\n" + _NOTE + "\n"
        "Recorded for every stage call, whatever is sampled.\n"
        "Stage metrics carry `pipeline.name` and `pipeline.stage.name`; none holds user data.\n\n"
        + table(("Metric", "Kind", "Unit", "Meaning"), rows)
    )


def attributes_page() -> str:
    """Return the page of all attributes."""

    def rows(all_of_them: Iterable[names.Name]) -> Iterable[tuple[str, ...]]:
        for name in all_of_them:
            yield (
                f"`{name.key}`",
                f"`{name.unit}`" if name.unit else "",
                "yes" if name.user_data else "no",
                name.meaning,
            )

    header = ("Attribute", "Unit", "May hold user data", "Meaning")
    return (
        "# Attributes\n\n" + _NOTE + "\n## On spans\n\n" + table(header, rows(names.ATTRIBUTES))
        + "\n## On the resource\n\n" + table(header, rows(names.RESOURCE_ATTRIBUTES))
        + "\n## Events\n\nLog records with an event name.\n\n" + table(("Event", *header[1:]), rows(names.EVENTS))
    )  # fmt: skip


def hooks_page() -> str:
    """Return the page of all hooks."""
    parts = [
        "# Hooks\n",
        _NOTE,
        inspect.cleandoc(specs.__doc__ or "") + "\n",
        "The how-to page [Write a plugin](../how-to/write-a-plugin.md) has a whole one.\n",
    ]
    for name in HOOKS:
        function = getattr(specs, name)
        signature = str(inspect.signature(function)).replace("'", "")
        parts.append(f"## `{name}{signature}`\n\n{_as_list(inspect.cleandoc(function.__doc__))}\n")
    return "\n".join(parts)


def _as_list(docstring: str) -> str:
    """Turn the five parts of a hook's docstring into a list."""
    first, _, rest = docstring.partition("\n\n")
    items: list[str] = []
    for line in rest.splitlines():
        if line.startswith("    "):
            items[-1] += " " + line.strip()
        else:
            head, _, tail = line.partition(": ")
            items.append(f"- **{head}**: {tail}")
    return first + "\n\n" + "\n".join(items)


def cli_page() -> str:
    """Return the page of the ``otelkit`` program: each command's own help."""
    context = click.Context(program, info_name="otelkit", terminal_width=100, **program.context_settings)
    # Not the group's own help, which also lists commands of plugins that happen to be installed here.
    parts = ["# The `otelkit` program\n", _NOTE, f"```text\n{overview(COMMANDS)}\n```\n"]
    for name in (spec.name for spec in COMMANDS):
        command = program.get_command(context, name)
        assert command is not None, name
        child = click.Context(command, info_name=name, parent=context, terminal_width=100)
        parts.append(f"## `otelkit {name}`\n\n{_help(command, child)}")
        if isinstance(command, click.Group):
            for inner in command.list_commands(child):
                sub = command.get_command(child, inner)
                assert sub is not None, inner
                grandchild = click.Context(sub, info_name=inner, parent=child, terminal_width=100)
                parts.append(f"### `otelkit {name} {inner}`\n\n{_help(sub, grandchild)}")
    return "\n".join(parts)


def _help(command: click.Command, context: click.Context) -> str:
    return f"```text\n{command.get_help(context)}\n```\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "attributes.md": attributes_page,
    "hooks.md": hooks_page,
    "cli.md": cli_page,
    "workers.md": workers_page,
}


def outdated() -> list[str]:
    """Return the names of the pages that differ from what the code says."""
    pages = [name for name, page in PAGES.items() if not _is_current(REFERENCE / name, page())]
    return pages + [path.name for path, text in sampling.files().items() if not _is_current(path, text)]


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def run(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    if arguments == ["--check"]:
        pages = outdated()
        for name in pages:
            print(f"{name}, below docs, is not current; run `make docs` and commit it.", file=sys.stderr)
        return 1 if pages else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    sampling.write()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
