"""Where a value comes from, and that all mistakes come at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit._builtin.setting_list import SETTINGS
from otelkit.settings import FileSource, Setting, read_settings_file, resolve

_LIMIT = Setting("exit_limit_s", "float", 2.0, "", unit="s", minimum=0)
_ENV = "OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S"


def _file(**values: object) -> FileSource:
    return FileSource(Path("otelkit.toml"), "otelkit.toml", values)


@pytest.mark.parametrize(
    ("env", "file", "code", "expected"),
    [
        ({}, {}, {}, (2.0, "default")),
        ({}, {"exit_limit_s": 3}, {}, (3.0, "exit_limit_s in otelkit.toml")),
        ({_ENV: "4"}, {"exit_limit_s": 3}, {}, (4.0, _ENV)),
        ({_ENV: "4"}, {"exit_limit_s": 3}, {"exit_limit_s": 5.0}, (5.0, "code")),
        ({_ENV: ""}, {"exit_limit_s": 3}, {}, (3.0, "exit_limit_s in otelkit.toml")),
    ],
)
def test_the_nearest_source_wins(
    env: dict[str, str], file: dict[str, object], code: dict[str, object], expected: tuple[float, str]
) -> None:
    """Defaults < file < environment < code; an empty variable counts as unset."""
    settings = resolve([_LIMIT], env=env, file=_file(**file), code=code)

    assert expected == (settings["exit_limit_s"], settings.sources["exit_limit_s"])


def test_a_wrong_value_leaves_the_next_weaker_one_in_force() -> None:
    """A mistake in the environment does not undo what the file says."""
    settings = resolve([_LIMIT], env={_ENV: "soon"}, file=_file(exit_limit_s=3))

    assert settings["exit_limit_s"] == 3.0
    assert settings.mistakes == (
        f"exit_limit_s is 'soon' (from {_ENV}); expected a number of at least 0 (s). 3.0 is used until it is corrected.",
    )


def test_five_mistakes_in_a_file_are_reported_at_once(tmp_path: Path) -> None:
    """Nobody should have to correct a file five times."""
    (tmp_path / "otelkit.toml").write_text(
        'exit_limit_s = "soon"\n'
        "batch_spans = 0\n"
        'log_level = "LOUD"\n'
        "stages = 7\n"
        "buffer_span = 10\n"
        "pipeline = 'fine'\n"
    )

    settings = resolve(SETTINGS, env={}, file=read_settings_file(tmp_path))

    starts = sorted(mistake.split(" ")[0] for mistake in settings.mistakes)
    assert starts == ["batch_spans", "buffer_span", "exit_limit_s", "log_level", "stages"]
    assert settings["pipeline"] == "fine"


@pytest.mark.parametrize("source", ["environment", "file", "code"])
def test_an_unknown_name_is_a_mistake_that_names_the_nearest(source: str) -> None:
    """A misspelt setting is never silently without effect."""
    settings = resolve(
        [_LIMIT],
        env={"OTEL_PYTHON_OTELKIT_EXIT_LIMITS": "1"} if source == "environment" else {},
        file=_file(exit_limits=1) if source == "file" else None,
        code={"exit_limits": 1} if source == "code" else {},
    )

    (mistake,) = settings.mistakes
    assert "Did you mean" in mistake
    assert ("EXIT_LIMIT_S" if source == "environment" else "exit_limit_s") in mistake


def test_an_unknown_name_is_no_mistake_while_not_all_settings_are_known() -> None:
    """Before the plugins are loaded, their settings are unknown."""
    assert resolve([_LIMIT], env={}, file=_file(other=1), complete=False).mistakes == ()


def test_an_older_variable_still_works_and_the_proper_one_wins() -> None:
    """Aliases are for those who come from elsewhere."""
    setting = Setting("enable_tracing", "bool", True, "", aliases=("ENABLE_TRACING",))

    by_alias = resolve([setting], env={"ENABLE_TRACING": "false"})
    by_name = resolve([setting], env={"ENABLE_TRACING": "false", setting.env: "true"})

    assert (by_alias["enable_tracing"], by_alias.sources["enable_tracing"]) == (False, "ENABLE_TRACING")
    assert by_name["enable_tracing"] is True


@pytest.mark.requirement("CFG-03", "CFG-04", "CFG-05")
def test_the_older_variables_of_the_requirements_work() -> None:
    """ENABLE_METRICS, ENABLE_TRACING and LOG_LEVEL keep their meaning and their defaults."""
    default = resolve(SETTINGS, env={})
    given = resolve(SETTINGS, env={"ENABLE_METRICS": "false", "ENABLE_TRACING": "0", "LOG_LEVEL": "ERROR"})

    names = ("enable_metrics", "enable_tracing", "log_level")
    assert [default[name] for name in names] == [True, True, "INFO"]
    assert [given[name] for name in names] == [False, False, "ERROR"]


def test_the_shares_of_samplers_may_be_fractions_wherever_they_are_set() -> None:
    """In the older variables, in files and in code."""
    by_variable = resolve(SETTINGS, env={"TRACE_SAMPLE_RATE": "1/4", "ERROR_TRACE_SAMPLE_RATE": "1/2"})
    by_file = resolve(SETTINGS, env={}, file=_file(sampling_slow_ratio="1/8"))
    by_code = resolve(SETTINGS, env={}, code={"sampling_normal_ratio": "1/20"})

    assert (by_variable["sampling_normal_ratio"], by_variable["sampling_error_ratio"]) == (0.25, 0.5)
    assert (by_file["sampling_slow_ratio"], by_code["sampling_normal_ratio"]) == (0.125, 0.05)
    assert (by_variable.mistakes, by_file.mistakes, by_code.mistakes) == ((), (), ())


def test_what_is_said_of_a_wrong_value_in_code_is_true_of_its_refusal() -> None:
    """`otelkit.configure` installs nothing then, not even the default."""
    settings = resolve([_LIMIT], env={}, code={"exit_limit_s": -1})

    assert settings.mistakes_in_code == (
        "exit_limit_s is -1 (from code); expected a number of at least 0 (s). Correct it where it is given.",
    )


def test_a_secret_is_never_in_a_message() -> None:
    """Not even a malformed one."""
    secret = Setting("receiver_token", "str", None, "", secret=True, optional=True, choices=("a",))

    (mistake,) = resolve([secret], env={secret.env: "hunter2"}).mistakes

    assert "hunter2" not in mistake


def test_typed_readers_return_the_declared_types() -> None:
    """Code that reads a setting needs no conversion of its own."""
    settings = resolve(
        [_LIMIT, Setting("stages", "list", (), ""), Setting("n", "int", 3, ""), Setting("pipeline", "str", None, "")],
        env={"OTEL_PYTHON_OTELKIT_STAGES": "a:b,c:d"},
    )

    assert settings.number("exit_limit_s") == 2.0
    assert settings.whole("n") == 3
    assert settings.items_of("stages") == ("a:b", "c:d")
    assert settings.text("pipeline") == ""
    assert dict(settings)["n"] == 3


def test_every_setting_of_the_core_accepts_its_own_default() -> None:
    """A default outside its own range would be reported as the user's mistake."""
    for setting in SETTINGS:
        if setting.default is not None:
            assert setting.parse(setting.default) == setting.default or setting.default == "", setting.name


def test_every_setting_of_the_core_says_what_it_is_for_and_numbers_have_a_unit() -> None:
    """The reference page is generated from this list."""
    for setting in SETTINGS:
        assert setting.meaning.endswith("."), setting.name
        if setting.kind in ("int", "float") and "port" not in setting.name:
            assert setting.unit, setting.name
