"""A stranger's wheel, built and installed here, adds a step, a sampler, a describer and a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributions import clean_environment, otelkit
from tests.otlp_server import otlp_server
from tests.programs import instrument, write

_PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "otelkit-orchard"
    version = "3.2.1"
    dependencies = ["otelkit"]

    [project.entry-points.otelkit]
    orchard = "otelkit_orchard.plugin"
"""

_PLUGIN = """
    '''Everything a plugin may import is public: no dotted part with a leading underscore.'''

    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

    import otelkit
    from otelkit.model.commands import CommandSpec
    from otelkit.model.steps import Phase, SpanStep
    from otelkit.settings import Setting

    class Basket(SpanStep):
        name = "basket"
        phase = Phase.ENRICH

        def __init__(self, label):
            self.label = label

        def on_start(self, span, parent):
            span.set_attribute("orchard.basket", self.label)

    class NoRotten(Sampler):
        def __init__(self, argument):
            self.unwanted = argument

        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None):
            keep = self.unwanted not in name
            return SamplingResult(Decision.RECORD_AND_SAMPLE if keep else Decision.DROP, attributes)

        def get_description(self):
            return "NoRotten"

    @otelkit.hookimpl
    def otelkit_settings():
        return [Setting("orchard_label", "str", "small", "What is written on baskets.")]

    @otelkit.hookimpl
    def otelkit_span_steps(settings):
        return [Basket(settings.text("orchard_label"))]

    @otelkit.hookimpl
    def otelkit_samplers():
        return {"orchard_no_rotten": NoRotten}

    @otelkit.hookimpl
    def otelkit_describers():
        return {"fruit.Crate": lambda crate: {"apples": crate.apples}}

    @otelkit.hookimpl
    def otelkit_commands():
        return [CommandSpec("orchard", "otelkit_orchard.command:orchard", "Count baskets.")]
"""

_COMMAND = """
    import click

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def orchard(as_json):
        click.echo('{"baskets": 7}' if as_json else "7 baskets")
"""

_FRUIT = """
    class Crate:
        def __init__(self, apples):
            self.apples = apples

    class SmallCrate(Crate):
        pass

    def pack(crate):
        return crate.apples

    def throw_rotten(crate):
        return None
"""

_APP = """
    import fruit

    fruit.pack(fruit.SmallCrate(12))
    fruit.throw_rotten(fruit.Crate(1))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, without a network."""
    folder = tmp_path_factory.mktemp("orchard")
    project = folder / "project"
    write(project, "pyproject.toml", _PYPROJECT)
    write(project, "otelkit_orchard/__init__.py", "")
    write(project, "otelkit_orchard/plugin.py", _PLUGIN)
    write(project, "otelkit_orchard/command.py", _COMMAND)
    site = folder / "site"
    _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=project)
    (wheel,) = (folder / "dist").glob("*.whl")
    _python(
        *("-m", "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check", "--quiet"),
        *("--target", str(site), str(wheel)),
        cwd=folder,
    )
    return site


def _python(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_is_listed_with_all_it_offers(site: Path, tmp_path: Path) -> None:
    """Its distribution, its version, and the names under each hook."""
    done = otelkit("plugins", "--json", cwd=tmp_path, site=site)

    (plugin,) = [plugin for plugin in json.loads(done.stdout)["plugins"] if plugin["name"] == "orchard"]
    assert (plugin["distribution"], plugin["version"], plugin["state"]) == ("otelkit-orchard", "3.2.1", "active")
    assert plugin["offers"] == {
        "otelkit_settings": ["orchard_label"],
        "otelkit_span_steps": ["basket"],
        "otelkit_samplers": ["orchard_no_rotten"],
        "otelkit_describers": ["fruit.Crate"],
        "otelkit_commands": ["orchard"],
    }


def test_its_step_sampler_and_describer_work_in_a_program(site: Path, tmp_path: Path) -> None:
    """Under `opentelemetry-instrument`, with its own setting."""
    write(tmp_path, "fruit.py", _FRUIT)
    write(tmp_path, "app.py", _APP)
    write(tmp_path, "otelkit.toml", 'stages = ["fruit:*"]\norchard_label = "large"\n')

    with otlp_server() as server:
        done = instrument(
            tmp_path,
            sys.executable,
            "app.py",
            PYTHONPATH=str(site),
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_TRACES_SAMPLER="orchard_no_rotten",
            OTEL_TRACES_SAMPLER_ARG="rotten",
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert [span.name for span in server.spans] == ["fruit.pack"]
    (span,) = server.spans
    assert span.attributes["orchard.basket"] == "large"
    assert span.attributes["pipeline.argument.crate.apples"] == 12


def test_its_command_is_listed_and_runs(site: Path, tmp_path: Path) -> None:
    """Beside ours."""
    listed = otelkit("--help", cwd=tmp_path, site=site)
    ran = otelkit("orchard", "--json", cwd=tmp_path, site=site)

    assert "Count baskets. [orchard]" in listed.stdout
    assert (ran.returncode, ran.stdout) == (0, '{"baskets": 7}\n')
