"""Arguments that are larger than memory likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.programs import check, run
from tests.otlp_server import OtlpServer

# A gigabyte that nobody touches takes no memory: whoever copies or reads it is seen in the peak.
PROGRAM = """
    import account, mmap, otelkit, resource, sys
    from opentelemetry import trace

    GIB = 1 << 30
    # Whoever looks at each of them is stopped, and need not be waited for.
    resource.setrlimit(resource.RLIMIT_CPU, (3, 3))

    class Claims(list):
        def __len__(self):
            return 1 << 60

    class Endless(str):
        def __len__(self):
            return 1 << 60

    @otelkit.stage("load", item="item")
    def load(item, **values):
        return item

    @otelkit.stage("read")
    def read(*blobs):
        yield from blobs

    @otelkit.stage("fail", item="item")
    def fail(item, error):
        raise error

    def identify(blob):
        load(blob)

    def pass_(blob):
        load("item", value=blob)
        load("other", nested=[blob], more={"blob": blob})
        for _ in read(blob, blob):
            pass
        # Not in an error: its text is the whole of it, whoever asks.
        error = ValueError() if isinstance(blob, bytearray) else ValueError(blob)
        try:
            fail("item", error)
        except ValueError:
            pass

    def set_(blob):
        with otelkit.stage("block") as call:
            call.set("blob", blob)
        with otelkit.stage("span"):
            trace.get_current_span().set_attribute("blob", blob)
            trace.get_current_span().add_event("blob", {"blob": blob})

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    use = {"identify": identify, "pass": pass_, "set": set_}[sys.argv[1]]
    use(b"1234")
    otelkit.flush()
    blobs = [mmap.mmap(-1, GIB), range(1 << 60), Claims("abc"), Endless("abc")]
    blobs += [memoryview(mmap.mmap(-1, GIB)), bytearray(GIB // 16)]
    before = peak()
    for blob in blobs:
        use(blob)
    otelkit.flush()
    print("done", (peak() - before) // 2**20)
"""


@pytest.mark.parametrize(
    ("how", "spans"),
    [("pass", 7 * 4), ("set", 7 * 2), ("identify", 7)],
    ids=["pass", "set", "identify"],
)
def test_a_gigabyte_is_never_copied(tmp_path: Path, server: OtlpServer, how: str, spans: int) -> None:
    """As argument, item, value, error or attribute, described or refused: memory grows by a few megabytes at most."""
    done = run(tmp_path, PROGRAM, server.url, how)

    assert done.code == 0, done.stderr
    said, grown_mib = done.stdout.split()
    assert (said, int(grown_mib) < 32) == ("done", True), grown_mib
    check(done, server, tmp_path)
    assert len(server.spans) == spans
