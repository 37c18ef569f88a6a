"""What a program records by itself, exported from all its processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otlp_server import otlp_server
from tests.programs import instrument, write

PROGRAM = """
    import os
    import otelkit
    from otelkit.metrics import MetricsCollector, bound_metrics

    app, collector = bound_metrics("app"), MetricsCollector()
    files, sizes = app.counter("files"), app.histogram("sizes", boundaries=(1, 10))

    @otelkit.stage("work")
    def work(count):
        files.add(count)
        sizes.record(count)
        collector.record_counter("orders", count)

    work(5)
    if os.fork() == 0:
        work(1)
        os._exit(0)
    os.wait()
"""


@pytest.mark.sdk
def test_each_process_exports_its_own(tmp_path: Path) -> None:
    """A forked worker that ends by ``os._exit`` has exported what it recorded, and nothing of its parent's."""
    write(tmp_path, "app.py", PROGRAM)
    with otlp_server() as server:
        done = instrument(
            tmp_path,
            "python",
            # Python 3.12 warns about every fork of a process with threads; forking one is the point here.
            *("-W", "ignore:This process:DeprecationWarning"),
            "app.py",
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        )
        points = server.points
    assert (done.returncode, done.stderr) == (0, "")
    last = {
        # Cumulative: the last one that arrived says it all.
        (point.metric, point.resource["process.pid"]): point.raw.sum if point.metric == "sizes" else point.raw.as_int
        for point in points
        if point.metric in ("files", "sizes", "orders")
    }
    by_metric = {name: sorted(value for (metric, _), value in last.items() if metric == name) for name, _ in last}

    assert by_metric == {"files": [1, 5], "sizes": [1.0, 5.0], "orders": [1, 5]}
