"""Settings and plugins are folded into one plan; what is wrong is a finding, and the rest is planned."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from otelkit._assembly.plan import parse_target, plan
from otelkit.errors import TargetError
from otelkit.model.blueprint import Blueprint, PluginState
from otelkit.model.checks import Severity
from otelkit.model.observers import CallObserver
from otelkit.model.steps import Phase, SpanStep
from otelkit.model.targets import StageTarget
from otelkit.plugin import hookimpl
from otelkit.plugin.defaults import BUILT_IN
from otelkit.plugin.loading import Candidate
from otelkit.settings import FileSource, Setting, Settings

pytestmark = pytest.mark.sdk


def _plan(*plugins: object, env: dict[str, str] | None = None, **code: object) -> Blueprint:
    extra = [
        Candidate(f"acme{number}", "acme-otel", "1.0", lambda plugin=plugin: plugin)  # type: ignore[misc]
        for number, plugin in enumerate(plugins)
    ]
    return plan(env=env or {}, file=FileSource(), code=code, extra=extra).blueprint


class _Step(SpanStep):
    def __init__(self, name: str, phase: Phase) -> None:
        self.name, self.phase = name, phase


class _Steps:
    def __init__(self, *steps: SpanStep) -> None:
        self._steps = steps

    @hookimpl
    def otelkit_span_steps(self) -> Iterable[SpanStep]:
        return self._steps


def test_every_built_in_comes_through_the_door() -> None:
    """All are active, and nothing is wrong with the defaults."""
    blueprint = _plan()

    assert [record.state for record in blueprint.plugins[: len(BUILT_IN)]] == [PluginState.ACTIVE] * len(BUILT_IN)
    assert blueprint.findings == ()


def test_steps_are_ordered_by_phase_then_name_never_by_registration() -> None:
    """No plugin can place a step that sees raw values after REDACT."""
    blueprint = _plan(
        _Steps(_Step("a", Phase.EXPORT), _Step("z", Phase.GATE)),
        _Steps(_Step("c", Phase.REDACT), _Step("b", Phase.REDACT), _Step("y", Phase.ENRICH)),
    )

    acme = [offer.value.name for offer in blueprint.steps if offer.distribution == "acme-otel"]
    assert acme == ["z", "y", "b", "c", "a"]


def test_observers_and_checks_are_ordered_by_name() -> None:
    """So that two installations with the same plugins behave the same."""

    class Plugin:
        @hookimpl
        def otelkit_call_observers(self) -> list[CallObserver]:
            return [type(name, (CallObserver,), {"name": name})() for name in ("zeta", "alpha")]

    names = [offer.value.name for offer in _plan(Plugin()).observers]

    assert names == sorted(names)
    assert {"zeta", "alpha"} <= set(names)


def test_a_plugins_settings_are_resolved_before_its_other_hooks_are_asked() -> None:
    """It declares a setting and reads it, with the order of sources that all settings have."""
    seen: list[object] = []

    class Plugin:
        @hookimpl
        def otelkit_settings(self) -> list[Setting]:
            return [Setting("acme_rate", "float", 1.0, "A rate.", minimum=0)]

        @hookimpl
        def otelkit_span_steps(self, settings: Settings) -> None:
            seen.append(settings["acme_rate"])

    _plan(Plugin(), env={"OTEL_PYTHON_OTELKIT_ACME_RATE": "0.5"})

    assert seen == [0.5]


def test_targets_of_the_user_come_first_and_each_counts_once() -> None:
    """A plugin's target that the user has named too is the user's."""

    class Plugin:
        @hookimpl
        def otelkit_stage_targets(self) -> list[StageTarget]:
            return [StageTarget("lib.io", "read", "acme0"), StageTarget("lib.io", "write", "acme0")]

    blueprint = _plan(Plugin(), env={"OTEL_PYTHON_OTELKIT_STAGES": "app:run, lib.io:read, app:run"})

    assert [target.text for target in blueprint.targets if target.source != "acme0"] == ["app:run", "lib.io:read"]
    assert [target.text for target in blueprint.targets].count("app:run") == 1


def test_what_is_wrong_is_a_finding_and_the_rest_is_planned() -> None:
    """A bad setting, a bad target and a bad plugin, and the good step is in."""

    class Broken:
        @hookimpl
        def otelkit_span_steps(self) -> None:
            raise ValueError("no")

    blueprint = _plan(
        Broken(),
        _Steps(_Step("good", Phase.ENRICH)),
        env={"OTEL_PYTHON_OTELKIT_STAGES": "app.run,app:fine", "OTEL_PYTHON_OTELKIT_SPOOL": "perhaps"},
    )

    assert sorted(finding.id for finding in blueprint.findings) == [
        "plugin.left_out",
        "setting.wrong",
        "target.malformed",
    ]
    assert {finding.severity for finding in blueprint.findings} == {Severity.ERROR}
    assert "good" in [offer.value.name for offer in blueprint.steps]
    assert [target.text for target in blueprint.targets] == ["app:fine"]


def test_planning_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No provider is set, no file is written, nothing runs."""
    import threading

    from opentelemetry import trace

    monkeypatch.chdir(tmp_path)
    before = (trace._TRACER_PROVIDER, threading.active_count())

    plan(env={})

    assert (trace._TRACER_PROVIDER, threading.active_count()) == before
    assert list(tmp_path.iterdir()) == []


def test_the_nearest_file_and_the_environment_are_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a program started here would have them."""
    (tmp_path / "otelkit.toml").write_text('stages = ["app:run"]\npipeline = "file"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_PYTHON_OTELKIT_PIPELINE", "environment")

    blueprint = plan().blueprint

    assert [target.text for target in blueprint.targets] == ["app:run"]
    assert blueprint.settings["pipeline"] == "environment"


def test_a_plugin_can_be_denied_in_the_file() -> None:
    """Before it is imported."""

    class Loud:
        @hookimpl
        def otelkit_settings(self) -> None:
            raise AssertionError("asked")

    blueprint = plan(
        env={},
        file=FileSource(Path("otelkit.toml"), "otelkit.toml", {"plugins_deny": ["acme"]}),
        extra=[Candidate("acme", "acme-otel", "1.0", Loud)],
    ).blueprint

    assert blueprint.plugins[-1].state is PluginState.DENIED
    assert blueprint.findings == ()


@pytest.mark.parametrize(
    ("text", "module", "pattern"),
    [
        ("app:run", "app", "run"),
        (" app.steps : Encoder.run ", "app.steps", "Encoder.run"),
        ("app:*", "app", "*"),
        ("app:Encoder.*", "app", "Encoder.*"),
        ("größe:messen", "größe", "messen"),
    ],
)
def test_a_target_names_a_module_and_a_pattern(text: str, module: str, pattern: str) -> None:
    """Blanks around them do not count."""
    target = parse_target(text, "settings")

    assert (target.module, target.pattern) == (module, pattern)


@pytest.mark.parametrize(
    "text",
    ["app", "app:", ":run", "app.run", "app:a-b", "app:*.run", "app:a.*.b", "a b:c", "app:run:x", "app:a..b", ""],
)
def test_a_target_of_another_form_is_refused_with_the_forms_there_are(text: str) -> None:
    """The message says where it came from."""
    with pytest.raises(TargetError, match=r"from settings.*module:function") as caught:
        parse_target(text, "settings")

    assert caught.value.target == text
