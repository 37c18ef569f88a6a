"""The program's front door: help, version, unknown commands, errors and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from otelkit._builtin.command_list import COMMANDS
from otelkit._cli import exits, group
from otelkit._cli.main import main
from otelkit._version import __version__
from otelkit.errors import OtelkitError, SettingsError, StoreError, TargetError
from otelkit.model.commands import CommandSpec
from tests.distributions import clean_environment, install, otelkit

_NOT_FOR_HELP = {"click", "pluggy", "rich", "opentelemetry", "importlib.metadata", "asyncio", "sqlite3", "logging"}


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """What is not imported takes no time: neither Click nor pluggy, and nothing of OpenTelemetry."""
    code = (
        "import sys\nfrom otelkit._cli.main import main\nmain(['--help'])\n"
        f"print(sorted({_NOT_FOR_HELP!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=60
    )

    assert done.stderr.strip() == "[]"
    assert done.returncode == 0


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_help_of_a_command_does_not_load_the_sdk(spec: CommandSpec, tmp_path: Path) -> None:
    """What is heavy is imported when the command does something."""
    code = (
        f"import sys\nfrom otelkit._cli.main import main\nmain([{spec.name!r}, '--help'])\n"
        "print(sorted({'opentelemetry.sdk', 'sqlite3', 'uvicorn', 'starlette'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=60
    )

    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "module",
    [
        "otelkit._builtin.command_list",
        "click",
        "otelkit._cli.run",
        "otelkit._cli.run_session",
        "otelkit.embedded.service",
        "sqlite3",
    ],
)
def test_ctrl_c_while_it_starts_ends_it_without_a_word(module: str, tmp_path: Path) -> None:
    """Whoever mistyped a command and takes it back sees no traceback, whatever is just being imported."""
    code = f"""
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
from otelkit._cli.main import main
sys.meta_path.insert(0, Interrupts())
sys.exit(main(["run", "true"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=60
    )

    assert "Traceback" not in done.stderr
    assert done.returncode in (-signal.SIGINT, exits.INTERRUPTED)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_every_command_with_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With and without Click the text is the same."""
    main(arguments)
    said = "".join(capsys.readouterr())

    for spec in COMMANDS:
        assert f"\n  {spec.name:<7}  {spec.help}\n" in said


def test_the_quick_help_is_the_one_that_click_gives(capsys: pytest.CaptureFixture[str]) -> None:
    """One text, two ways to it."""
    main(["--help"])
    quick = capsys.readouterr().out
    group.run(["--help"])

    assert capsys.readouterr().out == quick


def test_without_a_command_the_exit_code_says_usage() -> None:
    """As everywhere: nothing was done."""
    assert main([]) == exits.USAGE


@pytest.mark.parametrize("run", [main, group.run])
def test_the_version_is_told(run: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Also without Click."""
    assert callable(run)

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"otelkit {__version__}\n"


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A typo is answered with what was probably meant."""
    assert main(["docter"]) == exits.USAGE
    assert "Did you mean `otelkit doctor`?" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Click's own words."""
    assert main(["plan", "--jsno"]) == exits.USAGE
    assert "--jsno" in capsys.readouterr().err


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_every_command_is_there_and_documents_itself(spec: CommandSpec, capsys: pytest.CaptureFixture[str]) -> None:
    """Each can be imported, has a help text and `--json`."""
    assert main([spec.name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Usage: otelkit {spec.name}" in said
    assert "--json" in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("wrong"), exits.USAGE),
        (TargetError("wrong", target="x"), exits.USAGE),
        (exits.NotFoundError("wrong"), exits.NOT_FOUND),
        (StoreError("wrong", path=Path("x")), exits.FAILED),
        (OtelkitError("wrong"), exits.FAILED),
    ],
)
def test_what_we_raise_becomes_a_message_and_an_exit_code(
    error: OtelkitError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for what is not a bug."""

    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(group, "_import", lambda spec, plugin: failing)

    assert main(["plan"]) == code
    assert capsys.readouterr().err == "otelkit: wrong\n"


def test_ctrl_c_ends_with_130_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user knows what they did."""

    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(group, "_import", lambda spec, plugin: interrupted)

    assert main(["plan"]) == exits.INTERRUPTED
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3), ("text", 0), (True, 0)])
def test_a_number_that_a_command_returns_is_the_exit_code(
    returned: object, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is success, as for any Click command."""
    monkeypatch.setattr(group, "_import", lambda spec, plugin: click.Command("x", callback=lambda: returned))

    assert main(["plan"]) == code


def test_a_reader_that_stops_reading_is_not_complained_about(tmp_path: Path) -> None:
    """`otelkit plan | head -1`."""
    done = subprocess.run(
        f"'{sys.executable}' -m otelkit._cli.main plan | head -1",
        shell=True,
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == "Settings\n"
    assert done.stderr == ""


@pytest.mark.parametrize("no_colour", [True, False])
def test_no_color_is_respected_on_a_terminal(no_colour: bool, tmp_path: Path) -> None:
    """Click alone only looks whether it is one."""
    terminal, program_side = os.openpty()
    env = clean_environment() | {"TERM": "xterm"}
    if not no_colour:
        del env["NO_COLOR"]
    try:
        # Says little enough to wait in the terminal until it is read.
        subprocess.run(
            [sys.executable, "-m", "otelkit._cli.main", "doctor"],
            cwd=tmp_path,
            env=env,
            stdout=program_side,
            stderr=program_side,
            timeout=60,
        )
        said = os.read(terminal, 4096)
    finally:
        os.close(program_side)
        os.close(terminal)

    assert b"store.missing" in said
    assert (b"\x1b[" in said) is not no_colour


# -- commands from plugins ---------------------------------------------------------------------------------------------

_PLUGIN = """
import otelkit
from otelkit.model.commands import CommandSpec

@otelkit.hookimpl
def otelkit_commands():
    return [
        CommandSpec("greet", "acme_commands:greet", "Say\\n  hello."),
        CommandSpec("broken", "acme_nowhere:command", "Fails."),
        CommandSpec("odd", "acme_commands:ODD", "Is no command."),
    ]
"""
_COMMANDS = """
import click

ODD = 3

@click.command()
@click.argument("name")
def greet(name):
    click.echo(f"hello {name}")
"""


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A folder with an installed plugin that offers commands."""
    site = tmp_path / "site"
    site.mkdir()
    install(
        site,
        "acme-otel",
        entry_points={"otelkit": {"acme": "acme_plugin"}},
        modules={"acme_plugin.py": _PLUGIN, "acme_commands.py": _COMMANDS},
    )
    return site


def test_a_plugins_command_is_listed_and_runs(acme: Path, tmp_path: Path) -> None:
    """The list says whose it is; its help has one line, whatever the plugin wrote."""
    listed = otelkit("--help", cwd=tmp_path, site=acme)
    ran = otelkit("greet", "you", cwd=tmp_path, site=acme)

    assert "Commands from plugins:" in listed.stdout
    assert "\n  greet    Say hello. [acme]\n" in listed.stdout
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "hello you\n", "")


@pytest.mark.parametrize(("name", "why"), [("broken", "ModuleNotFoundError"), ("odd", "expected a click.Command")])
def test_a_plugins_command_that_cannot_be_used_is_attributed(acme: Path, tmp_path: Path, name: str, why: str) -> None:
    """One line that names the plugin and the reason, no traceback."""
    ran = otelkit(name, cwd=tmp_path, site=acme)

    assert ran.returncode == exits.FAILED
    assert ran.stderr.startswith(f"otelkit: The command `{name}` of the plugin acme")
    assert why in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_denied_plugin_has_no_commands(acme: Path, tmp_path: Path) -> None:
    """The deny list counts here too."""
    ran = otelkit("greet", "you", cwd=tmp_path, site=acme, OTEL_PYTHON_OTELKIT_PLUGINS_DENY="acme")

    assert ran.returncode == exits.USAGE


def test_a_plugin_cannot_take_a_command_of_ours(tmp_path: Path) -> None:
    """It is left out, and the message names both."""
    site = tmp_path / "site"
    site.mkdir()
    source = _PLUGIN.replace('"greet"', '"doctor"')
    install(site, "acme-otel", entry_points={"otelkit": {"acme": "acme_p"}}, modules={"acme_p.py": source})

    listed = otelkit("--help", cwd=tmp_path, site=site)

    assert listed.returncode == 0
    assert "[acme]" not in listed.stdout
    assert "plugin acme (distribution acme-otel) and plugin otelkit.commands both offer 'doctor'" in listed.stderr


def test_a_plugin_that_does_not_import_leaves_the_program_whole(tmp_path: Path) -> None:
    """Help still lists what is ours."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "acme-otel", entry_points={"otelkit": {"acme": "acme_missing"}})

    listed = otelkit("--help", cwd=tmp_path, site=site)

    assert listed.returncode == 0
    assert "doctor" in listed.stdout
    assert "plugin acme (distribution acme-otel) could not be imported" in listed.stderr
