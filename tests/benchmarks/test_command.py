"""``python -m benchmarks``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__, catalogue
from benchmarks.__main__ import main
from benchmarks.harness import Ratio
from benchmarks.recorded import record, worse
from benchmarks.report import Column, Report


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bool]:
    """Put a benchmark named ``one`` in place of all others, with a reference of its own; returns how it was called."""
    calls: list[bool] = []
    ratios = iter([2.0, 2.2, 2.4])

    def measure(quick: bool) -> Report:
        calls.append(quick)
        ratio = next(ratios)
        return Report(
            "one",
            "The title",
            (Column("what"),),
            (("row",),),
            ratios={"a call": Ratio(ratio, ratio - 0.05, ratio + 0.05)},
        )

    module = ModuleType("benchmarks.one")
    module.measure = measure  # type: ignore[attr-defined]  # a module made for the test
    monkeypatch.setitem(sys.modules, "benchmarks.one", module)
    monkeypatch.setattr("benchmarks.__main__.BENCHMARKS", {"one": "the only one"})
    reference = tmp_path / "recorded.json"
    monkeypatch.setattr(__main__, "record", lambda report: record(report, reference))
    monkeypatch.setattr(__main__, "worse", lambda report: worse(report, reference))
    return calls


def test_one_benchmark_is_measured_here(
    benchmark: list[bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A benchmark's table is printed and its JSON written."""
    code = main(["--output-dir", str(tmp_path), "one"])

    assert (code, benchmark) == (0, [False])
    assert "The title" in capsys.readouterr().out
    assert json.loads((tmp_path / "one.json").read_text())["name"] == "one"


def test_a_ratio_that_got_worse_fails_it(
    benchmark: list[bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recorded once, 10 % more passes and 20 % more is a failure that is named."""
    arguments = ["--output-dir", str(tmp_path), "one"]
    codes = [main(["--record", *arguments]), main(arguments), main(arguments)]

    assert codes == [0, 0, 1]
    assert "WORSE   a call: 2.4 times (2.35 to 2.45), recorded 2" in capsys.readouterr().out


def test_a_look_is_not_compared(benchmark: list[bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What few and small rounds find is neither a reference nor a failure."""
    main(["--quick", "--output-dir", str(tmp_path), "one"])

    assert "recorded" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--quick", "--record", "one"])


def test_several_run_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a name all benchmarks run, one process each, whatever becomes of the one before; a failure is not lost."""
    commands: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        commands.append(command[1:])
        return 1 if len(commands) == 1 else 0

    monkeypatch.setattr("benchmarks.__main__.subprocess.call", call)

    assert main(["--quick", "--output-dir", str(tmp_path)]) == 1
    assert commands == [
        ["-m", "benchmarks", "--output-dir", str(tmp_path), "--quick", name] for name in catalogue.BENCHMARKS
    ]


def test_quick_is_handed_on(benchmark: list[bool], tmp_path: Path) -> None:
    """`--quick` reaches the benchmark."""
    main(["--quick", "--output-dir", str(tmp_path), "one"])

    assert benchmark == [True]


def test_an_unknown_name_is_refused(benchmark: list[bool], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name is an error that lists the right ones, before anything is measured."""
    with pytest.raises(SystemExit) as refused:
        main(["two", "one"])

    assert (refused.value.code, benchmark) == (2, [])
    assert "there is no benchmark two; there are one" in capsys.readouterr().err


def test_what_cannot_be_measured_is_said(
    benchmark: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A benchmark that lacks something is named with the remedy, and the exit code is 1."""
    monkeypatch.setattr("benchmarks.__main__.BENCHMARKS", {"absent": ""})

    assert (main(["--output-dir", str(tmp_path)]), benchmark) == (1, [])
    assert "make bench" in capsys.readouterr().err


def test_every_listed_benchmark_is_there() -> None:
    """Each name of the catalogue is a file of the folder."""
    folder = Path(catalogue.__file__).parent

    assert [name for name in catalogue.BENCHMARKS if not (folder / f"{name}.py").exists()] == []
