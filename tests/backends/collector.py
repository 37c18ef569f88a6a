"""The real Collector, built from the committed module, with any configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.built import folder as built
from tests.backends.process import free_ports, get, running


@dataclass(frozen=True, slots=True)
class Collector:
    """A Collector that runs."""

    url: str
    """Where it takes OTLP over HTTP."""
    grpc: str
    """Where it takes OTLP over gRPC."""
    telemetry: str
    """Where its own metrics are."""
    log: Path

    def own(self, metric: str, **labels: str) -> float:
        """Return the sum of one of the Collector's own metrics over the series with these labels; 0 without any."""
        status, body = get(self.telemetry)
        assert status == 200, f"{self.telemetry}: {status}"
        series = re.findall(rf"^{metric}(?:\{{(.*)\}})? (\S+)$", body.decode(), re.MULTILINE)
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(float(value) for had, value in series if all(one in had for one in wanted))


@contextmanager
def collector(folder: Path, config: str, gates: Sequence[str] = (), **env: str) -> Iterator[Collector]:
    """Run the Collector.

    Args:
        folder: For its configuration and log.
        config: YAML. The variables ``OTLP_GRPC``, ``OTLP_HTTP``, ``HEALTH`` (host:port) and ``TELEMETRY_PORT`` are free
            places for it to listen at.
        gates: Feature gates to open.
        env: More variables for the configuration.
    """
    grpc, http, health, telemetry = free_ports(4)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    places = {
        "OTLP_GRPC": f"127.0.0.1:{grpc}",
        "OTLP_HTTP": f"127.0.0.1:{http}",
        "HEALTH": f"127.0.0.1:{health}",
        "TELEMETRY_PORT": str(telemetry),
    }
    command: list[str | Path] = [built("collector") / "otelkit-collector", "--config=config.yaml"]
    command += [f"--feature-gates={','.join(gates)}"] if gates else []
    with running(command, folder, f"http://127.0.0.1:{health}", places | env) as log:
        yield Collector(
            f"http://127.0.0.1:{http}", f"http://127.0.0.1:{grpc}", f"http://127.0.0.1:{telemetry}/metrics", log
        )
