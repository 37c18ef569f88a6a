"""`otelkit doctor` finds what is wrong, for real, and says what to do."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

from otelkit._guard import Barrier
from otelkit.embedded.store import Store
from otelkit.health.faults import FaultNotes
from tests.distributions import install, otelkit
from tests.embedded.telemetry import START_NS, number
from tests.programs import instrument, write

# Nothing of the machine this runs on counts: its receiver's ports, if somebody uses them.
_QUIET = {"OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT": "0", "OTEL_PYTHON_OTELKIT_RECEIVER_GRPC_PORT": "0"}


def _doctor(
    folder: Path, site: Path | None = None, **env: str
) -> tuple[CompletedProcess[str], dict[str, dict[str, str]]]:
    done = otelkit("doctor", "--json", cwd=folder, site=site, **(_QUIET | env))
    answer = json.loads(done.stdout)
    assert answer["ok"] is (done.returncode == 0)
    assert done.stderr == ""
    for finding in answer["findings"]:
        assert set(finding) == {"id", "severity", "what", "why", "fix"}
        assert all(finding.values()), finding
    return done, {finding["id"]: finding for finding in answer["findings"]}


def test_in_an_empty_folder_nothing_is_broken(tmp_path: Path) -> None:
    """Notes alone: nothing has been recorded yet."""
    done, found = _doctor(tmp_path)

    assert done.returncode == 0
    assert found["store.missing"]["severity"] == "note"
    assert {finding["severity"] for finding in found.values()} <= {"note", "warning"}


def test_a_rival_distro_is_found(tmp_path: Path) -> None:
    """With its distribution, and what to set."""
    site = tmp_path / "site"
    install(site, "acme-otel", entry_points={"opentelemetry_distro": {"acme": "acme:Distro"}})

    done, found = _doctor(tmp_path, site)

    assert done.returncode == 1
    assert found["rival.distro"]["severity"] == "error"
    assert "acme-otel" in found["rival.distro"]["what"]


def test_version_skew_is_found(tmp_path: Path) -> None:
    """An instrumentation from another age."""
    site = tmp_path / "site"
    install(site, "opentelemetry-instrumentation-flask", "0.48b0")

    done, found = _doctor(tmp_path, site)

    assert done.returncode == 1
    assert "opentelemetry-instrumentation-flask 0.48b0" in found["versions.skew"]["what"]


def test_wrong_names_and_values_are_found_together(tmp_path: Path) -> None:
    """One visit tells all."""
    done, found = _doctor(
        tmp_path,
        OTEL_TRACES_SAMPLER="otelkit_ration",
        OTEL_BSP_SCHEDULE_DELAY="soon",
        OTEL_EXPORTER_OTLP_ENDPOINT="collector",
        OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S="soon",
        OTEL_PYTHON_OTELKIT_PLUGINS_DENY="nobody",
        OTEL_PYTHON_OTELKIT_STAGES="app.steps parse",
    )

    assert done.returncode == 1
    assert found.keys() >= {
        "name.unknown",
        "variable.malformed",
        "endpoint.malformed",
        "setting.wrong",
        "plugin.unknown",
        "target.malformed",
    }


def test_all_that_is_wrong_with_a_sampler_is_found_at_once(tmp_path: Path) -> None:
    """Each rule by itself, and what nobody looks at as a warning."""
    rules = "stage=a -> 1.4,stage=b -> 0,stage=b -> 1"
    done = otelkit(
        "doctor", "--json", cwd=tmp_path,
        OTEL_TRACES_SAMPLER="otelkit_rules", OTEL_PYTHON_OTELKIT_SAMPLING_RULES=rules, **_QUIET,
    )  # fmt: skip
    wrong = [finding for finding in json.loads(done.stdout)["findings"] if finding["id"] == "sampler.wrong"]

    assert done.returncode == 1
    assert ["rule 1" in wrong[0]["what"], "rule 3" in wrong[1]["what"], len(wrong)] == [True, True, 2]
    assert {finding["why"] for finding in wrong} == {"Every trace is kept until it is corrected."}
    done, found = _doctor(tmp_path, OTEL_PYTHON_OTELKIT_SAMPLING_RULES="* -> 0.1")
    assert found["sampler.setting_unused"]["severity"] == "warning"


def test_an_unknown_sampler_is_one_finding(tmp_path: Path) -> None:
    """Whoever looks at it, the plan or a check."""
    asked: tuple[dict[str, str], ...] = (
        {"OTEL_TRACES_SAMPLER": "otelkit_rulse"},
        {"OTEL_PYTHON_OTELKIT_SAMPLER": "otelkit_rulse"},
    )
    for env in asked:
        done = otelkit("doctor", "--json", cwd=tmp_path, **env, **_QUIET)
        findings = [finding for finding in json.loads(done.stdout)["findings"] if finding["id"] == "name.unknown"]

        assert len(findings) == 1, findings
        assert findings[0]["fix"].startswith(f"Set {next(iter(env))} to otelkit_rules")


def test_a_settings_file_with_five_mistakes_gives_five_findings(tmp_path: Path) -> None:
    """All at once, each with its own sentence."""
    (tmp_path / "otelkit.toml").write_text(
        'exit_limit_s = "soon"\nbatch_spans = 0\nlog_level = "LOUD"\nstages = 7\nbuffer_span = 10\n'
    )

    done = otelkit("doctor", "--json", cwd=tmp_path, **_QUIET)

    findings = json.loads(done.stdout)["findings"]
    assert len([finding for finding in findings if finding["id"] == "setting.wrong"]) == 5
    assert done.returncode == 1


def test_a_configuration_file_that_cannot_be_used_is_found(tmp_path: Path) -> None:
    """Then the variables count, and are checked."""
    done, found = _doctor(tmp_path, OTEL_CONFIG_FILE="missing.yaml", OTEL_TRACES_EXPORTER="otpl")

    assert done.returncode == 1
    assert "missing.yaml" in found["config_file.unusable"]["what"]
    assert "name.unknown" in found


def test_settings_in_a_configuration_file_are_the_programs(tmp_path: Path) -> None:
    """They are read as the program would read them, and what variables say is left alone."""
    (tmp_path / "otel.yaml").write_text(
        'file_format: "1.0"\ndistribution:\n  otelkit:\n    exit_limit_s: soon\n    stages: ["app.stops:parse"]\n'
    )

    done, found = _doctor(tmp_path, OTEL_CONFIG_FILE="otel.yaml", OTEL_TRACES_EXPORTER="otpl")

    assert done.returncode == 1
    assert "exit_limit_s is 'soon' (from exit_limit_s in distribution.otelkit" in found["setting.wrong"]["what"]
    assert "app.stops:parse" in found["target.no_module"]["what"]
    assert found["config_file.in_use"]["severity"] == "note"
    assert "name.unknown" not in found


def test_an_unreachable_endpoint_is_found(tmp_path: Path) -> None:
    """A closed port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    done, found = _doctor(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")

    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in found["endpoint.unreachable"]["what"]


def test_a_target_that_matches_nothing_is_found_without_importing_it(tmp_path: Path) -> None:
    """The program's modules are read, not run."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "app" / "steps.py").write_text("raise SystemExit('imported')\ndef parse(): ...\n")

    done, found = _doctor(tmp_path, OTEL_PYTHON_OTELKIT_STAGES="app.steps:pars,app.stops:parse,app.steps:parse")

    assert done.returncode == 1
    assert "Did you mean app.steps:parse?" in found["target.no_match"]["what"]
    assert "app.stops:parse" in found["target.no_module"]["what"]


def test_a_plugin_that_was_left_out_is_found(tmp_path: Path) -> None:
    """With the reason."""
    site = tmp_path / "site"
    install(site, "acme-otel", entry_points={"otelkit": {"acme": "acme_missing"}})

    done, found = _doctor(tmp_path, site)

    assert done.returncode == 1
    assert "No module named 'acme_missing'" in found["plugin.left_out"]["what"]


def test_faults_that_a_program_noted_are_found(tmp_path: Path) -> None:
    """A warning: the program was not harmed."""
    Barrier("step mask", "acme-otel", FaultNotes(tmp_path / ".otelkit").note).fault(ValueError("no"), "on_end")

    done, found = _doctor(tmp_path)

    assert done.returncode == 0
    assert found["plugin.faults"]["severity"] == "warning"


def test_what_a_program_lost_is_explained(tmp_path: Path) -> None:
    """Nothing took it and nothing was kept: its last line says how much, and the doctor why and what helps."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    write(tmp_path, "app.py", "import otelkit\nfor n in range(7):\n    with otelkit.stage('parse'): pass\n")
    done = instrument(
        tmp_path,
        "python",
        "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_METRICS_EXPORTER="none",
        OTEL_PYTHON_OTELKIT_SPOOL="false",
        OTEL_PYTHON_OTELKIT_RUN_NAME="nightly",
    )

    _, found = _doctor(tmp_path)

    assert "otelkit: lost 7 spans (export_failed); `otelkit doctor` explains" in done.stderr.splitlines()
    assert found["telemetry.lost"]["severity"] == "warning"
    assert found["telemetry.lost"]["what"].startswith("The run nightly (")
    assert "lost 7 spans: the exporter did not take them" in found["telemetry.lost"]["what"]
    assert "spool" in found["telemetry.lost"]["fix"]


def test_what_a_run_said_of_its_losses_is_explained(tmp_path: Path) -> None:
    """From the store: also of processes that were killed before they could leave a note."""
    store = Store.open(_store(tmp_path), max_bytes=10**9, max_age_s=10**6)
    now_s = time.time() - START_NS / 1e9
    store.write([number("otelkit.telemetry.lost", 12, now_s, {"signal": "logs", "reason": "spool_full"})])
    store.set_run("run-1", name="nightly", state="failed", exit_code=137, started_ns=time.time_ns())
    store.close()

    done, found = _doctor(tmp_path)

    assert done.returncode == 0
    assert "lost 12 log records: nobody took them" in found["telemetry.lost"]["what"]
    assert "spool_max_bytes" in found["telemetry.lost"]["fix"]
    assert "run nightly (run-1, " in found["run.killed"]["what"]


def _store(folder: Path) -> Path:
    path = folder / ".otelkit" / "telemetry.db"
    path.parent.mkdir()
    Store.open(path, max_bytes=10**9, max_age_s=10**6).close()
    return path


def test_a_healthy_store_is_no_finding(tmp_path: Path) -> None:
    """Nothing to say about it."""
    _store(tmp_path)

    _, found = _doctor(tmp_path)

    assert not [name for name in found if name.startswith("store")]


def test_a_corrupt_store_is_found(tmp_path: Path) -> None:
    """And stays as it is: the doctor changes nothing."""
    path = _store(tmp_path)
    path.write_bytes(b"not a database" * 1000)

    done, found = _doctor(tmp_path)

    assert done.returncode == 1
    assert str(Path(".otelkit", "telemetry.db")) in found["store.corrupt"]["fix"]
    assert path.read_bytes() == b"not a database" * 1000


def test_a_store_of_a_newer_schema_is_found(tmp_path: Path) -> None:
    """Written by a later otelkit."""
    path = _store(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()

    done, found = _doctor(tmp_path)

    assert done.returncode == 1
    assert "99" in found["store.newer"]["what"]


def test_waiting_and_damaged_spool_files_are_found(tmp_path: Path) -> None:
    """What the next receiver will take in, and what it could not."""
    spool = tmp_path / ".otelkit" / "spool"
    spool.mkdir(parents=True)
    (spool / "1.otlp").write_bytes(b"x" * 10)
    (spool / "0.otlp.damaged").write_bytes(b"x" * 10)

    done, found = _doctor(tmp_path)

    assert done.returncode == 0
    assert found["spool.waiting"]["severity"] == "note"
    assert found["spool.damaged"]["severity"] == "warning"


def test_a_stranger_on_the_receivers_port_is_found(tmp_path: Path) -> None:
    """With its name, where the system tells."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done, found = _doctor(tmp_path, OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT=str(port))

    assert done.returncode == 0
    assert f"127.0.0.1:{port} (receiver_http_port) is taken by" in found["receiver.port_taken"]["what"]


def test_a_store_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    """Nothing can be stored in it."""
    (tmp_path / ".otelkit").write_text("")

    done, found = _doctor(tmp_path)

    assert done.returncode == 1
    assert "disk.not_writable" in found


def test_the_text_says_what_why_and_what_to_do(tmp_path: Path) -> None:
    """Worst first, and a last line that counts."""
    done = otelkit("doctor", cwd=tmp_path, OTEL_TRACES_SAMPLER="otelkit_ration", **_QUIET)

    said = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert done.stdout.startswith("error   name.unknown\n")
    assert "Every trace is kept until it is corrected." in said
    assert "Do: Set OTEL_TRACES_SAMPLER to otelkit_ratio" in said
    assert "Found 1 error, " in said
