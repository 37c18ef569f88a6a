"""What users type, and what a type checker makes of it. Checked by mypy, never run."""

from __future__ import annotations

import asyncio
import multiprocessing.queues
import queue
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import assert_type

import otelkit


@otelkit.stage
def parse(path: Path, *, strict: bool = True) -> list[str]:
    return [str(path)] if strict else []


@otelkit.stage("enhance", pipeline="audio", item="path", attributes={"codec": "flac"})
async def enhance(path: Path, samples: bytes) -> bytes:
    return samples


@otelkit.stage("read")
def read(paths: list[Path]) -> Generator[bytes, str, int]:
    for path in paths:
        yield path.read_bytes()
    return len(paths)


@otelkit.stage()
async def fetch(urls: list[str]) -> AsyncIterator[str]:
    for url in urls:
        yield url


class Encoder:
    @otelkit.stage
    def run(self, x: int) -> str:
        return str(x)

    @otelkit.stage("build")
    @classmethod
    def build(cls) -> Encoder:
        return cls()

    @staticmethod
    @otelkit.stage
    def static(x: int) -> int:
        return x


assert_type(parse(Path("a"), strict=False), list[str])
assert_type(read([]), Generator[bytes, str, int])
assert_type(fetch([]), AsyncIterator[str])
assert_type(Encoder().run(1), str)
assert_type(Encoder.build(), Encoder)
assert_type(Encoder.static(1), int)

parse("a")  # type: ignore[arg-type]  # a stage keeps its signature: text is no Path
parse(Path("a"), lenient=True)  # type: ignore[call-arg]
otelkit.stage(7)  # type: ignore[call-overload]  # neither a name nor a function
otelkit.stage("name", colour="red")  # type: ignore[call-overload]
otelkit.stage("name")(7)  # type: ignore[type-var]


async def main() -> None:
    assert_type(await enhance(Path("a"), b""), bytes)


callback: Callable[[Path], list[str]] = parse
awaitable: Callable[[Path, bytes], Awaitable[bytes]] = enhance

with otelkit.stage("write") as call:
    call.items(ok=12, failed=1, skipped=0)
    call.set("codec", "flac")
    call.set("rates", [44_100, 48_000])
    call.set("codec", object())  # type: ignore[arg-type]  # no attribute value
    call.items(good=1)  # type: ignore[call-arg]

with otelkit.run("nightly", total=83_000) as run:
    for path in run.track([Path("a")]):
        assert_type(path, Path)
    assert_type(run.track(iter("ab")), Iterator[str])
    assert_type(run.track(fetch([])), AsyncIterator[str])
    assert_type(run.id, str | None)
    assert_type(run.done, int)
    assert_type(run.total, int | None)
    run.advance()
    run.advance(3)

with otelkit.run("unknown", total="many"):  # type: ignore[arg-type]
    pass

jobs = otelkit.watch(queue.Queue[Path](100), "decode->enhance")
assert_type(jobs, queue.Queue[Path])
assert_type(jobs.get(), Path)
assert_type(otelkit.watch(asyncio.Queue[int](), "a->b"), asyncio.Queue[int])
jobs.put(1)  # type: ignore[arg-type]  # a watched queue keeps its type

processes: multiprocessing.queues.Queue[int] = multiprocessing.Queue()
assert_type(otelkit.watch(processes, "a->b").get(), int)
