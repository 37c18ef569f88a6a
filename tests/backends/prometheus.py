"""A real Prometheus that takes OTLP, and what PromQL says of what it has."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.built import folder as built
from tests.backends.process import free_ports, get, running


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that runs."""

    url: str

    def query(self, promql: str) -> dict[tuple[str, ...], float]:
        """Return the value of each series of an instant query, by the values of its labels in the labels' order."""
        status, body = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}")
        assert status == 200, f"{promql}: {status} {body.decode()}"
        series = json.loads(body)["data"]["result"]
        return {
            tuple(value for name, value in sorted(one["metric"].items()) if name != "__name__"): float(one["value"][1])
            for one in series
        }

    def number(self, promql: str) -> float:
        """Return the value of a query that gives one series at most; 0 if it gives none."""
        values = list(self.query(promql).values())
        assert len(values) <= 1, f"{promql} gives {len(values)} series"
        return values[0] if values else 0.0


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with its data in ``folder``."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yaml").write_text("global: {}\n", encoding="utf-8")
    command: list[str | Path] = [
        built("prometheus") / "prometheus",
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    ]
    with running(command, folder, f"{url}/-/ready"):
        yield Prometheus(url)
