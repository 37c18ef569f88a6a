"""`otelkit plan` shows what would be installed, and where each value comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from otelkit._builtin.setting_list import SETTINGS
from tests.distributions import install, otelkit

_PLUGIN = """
import otelkit
from otelkit.model.steps import Phase, SpanStep
from otelkit.model.targets import StageTarget
from otelkit.settings import Setting

class Mask(SpanStep):
    name = "mask"
    phase = Phase.REDACT

class Tag(SpanStep):
    name = "tag"
    phase = Phase.ENRICH

@otelkit.hookimpl
def otelkit_settings():
    return [Setting("acme_key", "str", None, "A key.", secret=True, optional=True)]

@otelkit.hookimpl
def otelkit_span_steps():
    return [Mask(), Tag()]

@otelkit.hookimpl
def otelkit_samplers():
    return {"acme_all": lambda argument: None}

@otelkit.hookimpl
def otelkit_stage_targets():
    return [StageTarget("acme.work", "run", "acme", pipeline="acme")]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a plugin, beside a project with settings."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "acme-otel", entry_points={"otelkit": {"acme": "acme_p"}}, modules={"acme_p.py": _PLUGIN})
    (tmp_path / "otelkit.toml").write_text('stages = ["app:run"]\nexit_limit_s = 5\n')
    return site


def _plan(tmp_path: Path, site: Path, **env: str) -> dict[str, Any]:
    done = otelkit("plan", "--json", cwd=tmp_path, site=site, **env)
    assert done.stderr == ""
    assert done.returncode == 0
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def test_each_setting_has_its_value_unit_and_source(tmp_path: Path, site: Path) -> None:
    """All settings, those of plugins too."""
    plan = _plan(tmp_path, site, OTEL_PYTHON_OTELKIT_BATCH_SPANS="100")

    by_name = {setting["name"]: setting for setting in plan["settings"]}
    assert set(by_name) == {setting.name for setting in SETTINGS} | {"acme_key"}
    assert by_name["exit_limit_s"] == {
        "name": "exit_limit_s",
        "env": "OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S",
        "value": 5.0,
        "unit": "s",
        "type": "float",
        "source": "exit_limit_s in otelkit.toml",
    }
    assert by_name["batch_spans"]["source"] == "OTEL_PYTHON_OTELKIT_BATCH_SPANS"
    assert by_name["spool"]["source"] == "default"


def test_steps_are_in_the_order_in_which_spans_pass_them(tmp_path: Path, site: Path) -> None:
    """By phase, whatever order the plugin gave them in."""
    steps = _plan(tmp_path, site)["steps"]

    acme = [(step["phase"], step["name"], step["distribution"]) for step in steps if step["plugin"] == "acme"]
    assert acme == [("ENRICH", "tag", "acme-otel"), ("REDACT", "mask", "acme-otel")]


def test_targets_say_who_asked_for_them(tmp_path: Path, site: Path) -> None:
    """The user's own come first."""
    targets = _plan(tmp_path, site)["targets"]

    assert [(target["target"], target["source"]) for target in targets] == [
        ("app:run", "stages in otelkit.toml"),
        ("acme.work:run", "acme"),
    ]
    assert targets[1]["pipeline"] == "acme"


def test_the_selected_sampler_is_marked(tmp_path: Path, site: Path) -> None:
    """Those of plugins beside ours."""
    samplers = _plan(tmp_path, site, OTEL_TRACES_SAMPLER="acme_all")["samplers"]

    selected = {sampler["name"]: sampler["selected"] for sampler in samplers}
    assert (selected["acme_all"], selected["otelkit_ratio"]) == (True, False)


def test_the_sampler_in_force_is_shown_with_its_source_and_its_own_words(tmp_path: Path, site: Path) -> None:
    """Named by OpenTelemetry's variable, by our setting, by an older name of a rate, or by nobody."""

    def sampler(**env: Any) -> tuple[str, str, str | None, str]:
        found = _plan(tmp_path, site, **env)["sampler"]
        return found["name"], found["source"], found["argument"], found["description"]

    name, source, argument, description = sampler(OTEL_TRACES_SAMPLER="otelkit_ratio", OTEL_TRACES_SAMPLER_ARG="1/4")
    assert (name, source, argument) == ("otelkit_ratio", "OTEL_TRACES_SAMPLER", "1/4")
    assert "OtelkitRatio{0.25}" in description
    (tmp_path / "otelkit.toml").write_text('sampler = "otelkit_rules"\nsampling_rules = ["stage=a -> 0.5"]\n')
    name, source, _, description = sampler()
    assert (name, source) == ("otelkit_rules", "sampler in otelkit.toml")
    assert "OtelkitRules{stage=a -> 0.5; otherwise 1}" in description
    (tmp_path / "otelkit.toml").unlink()
    assert sampler(TRACE_SAMPLE_RATE="0.3")[:2] == ("otelkit_tail", "TRACE_SAMPLE_RATE")
    assert sampler()[:2] == ("parentbased_always_on", "default")


@pytest.mark.requirement("CFG-07")
@pytest.mark.requirement("CFG-08")
def test_rates_by_their_older_names_are_settings_and_otelkits_own_names_win(tmp_path: Path, site: Path) -> None:
    """The source says which one counts; without any, 0.1 of all and 1 of failed traces."""

    def rates(**env: Any) -> list[tuple[float, str]]:
        by_name = {setting["name"]: setting for setting in _plan(tmp_path, site, **env)["settings"]}
        return [
            (by_name[name]["value"], by_name[name]["source"])
            for name in ("sampling_normal_ratio", "sampling_error_ratio")
        ]

    own = {"OTEL_PYTHON_OTELKIT_SAMPLING_NORMAL_RATIO": "0.3"}
    older = {"TRACE_SAMPLE_RATE": "0.2", "ERROR_TRACE_SAMPLE_RATE": "0.9"}
    assert rates() == [(0.1, "default"), (1.0, "default")]
    assert rates(**older) == [(0.2, "TRACE_SAMPLE_RATE"), (0.9, "ERROR_TRACE_SAMPLE_RATE")]
    assert rates(**older, **own)[0] == (0.3, "OTEL_PYTHON_OTELKIT_SAMPLING_NORMAL_RATIO")


def test_a_sampler_that_cannot_be_had_is_shown_as_such(tmp_path: Path, site: Path) -> None:
    """What is in force instead, and why; as text, too."""
    env: dict[str, Any] = {
        "OTEL_TRACES_SAMPLER": "otelkit_rules",
        "OTEL_PYTHON_OTELKIT_SAMPLING_RULES": "stage=a -> 1.4,stage=b",
    }
    plan = _plan(tmp_path, site, **env)
    text = otelkit("plan", cwd=tmp_path, site=site, **env).stdout

    assert "always_on" in plan["sampler"]["description"].lower() or "ParentBased" in plan["sampler"]["description"]
    assert [finding["id"] for finding in plan["findings"]] == ["sampler.wrong"] * 2
    assert "Asked for is otelkit_rules (OTEL_TRACES_SAMPLER)" in " ".join(text.split())
    assert "the rate is '1.4'" in " ".join(text.split())


def test_a_secret_is_never_shown(tmp_path: Path, site: Path) -> None:
    """Neither as text nor as JSON."""
    env = {"OTEL_PYTHON_OTELKIT_ACME_KEY": "hunter2", "OTEL_PYTHON_OTELKIT_RECEIVER_TOKEN": "hunter3"}
    text = otelkit("plan", cwd=tmp_path, site=site, **env)
    as_json = otelkit("plan", "--json", cwd=tmp_path, site=site, **env)

    assert "hunter" not in text.stdout + text.stderr + as_json.stdout + as_json.stderr
    assert "(hidden)" in text.stdout


def test_the_text_has_the_same_facts(tmp_path: Path, site: Path) -> None:
    """For people."""
    said = otelkit("plan", cwd=tmp_path, site=site, OTEL_TRACES_SAMPLER="acme_all").stdout

    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "exit_limit_s 5.0 s exit_limit_s in otelkit.toml" in lines
    assert "REDACT mask acme (acme-otel)" in lines
    assert "acme_all acme (acme-otel) selected" in lines
    assert "acme.work:run pipeline=acme acme" in lines


def test_what_went_wrong_is_in_the_plan_and_not_on_stderr(tmp_path: Path, site: Path) -> None:
    """A plan that can't be fully kept says so itself."""
    done = otelkit("plan", cwd=tmp_path, site=site, OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S="soon")

    assert "exit_limit_s is 'soon' (from OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S)" in " ".join(done.stdout.split())
    assert done.stderr == ""
    assert done.returncode == 0
