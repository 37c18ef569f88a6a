"""OTLP over HTTP: the three signals, protobuf and JSON, and a few questions about the receiver itself."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from otelkit._version import __version__
from otelkit.embedded import answers, tally
from otelkit.embedded.answers import Code
from otelkit.embedded.http_body import read_body
from otelkit.embedded.http_gate import OPEN_PATH, Application, Gate
from otelkit.embedded.intake import Intake
from otelkit.embedded.refusals import Refusal, RefusedError, malformed, refusal_of, wrong_type
from otelkit.embedded.run_facts import run_facts
from otelkit.embedded.tally import Tally
from otelkit.model.signals import Signal

SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")
INFO_PATH: Final = "/v1/otelkit/info"
RUNS_PATH: Final = "/v1/otelkit/runs/"
_PROTOBUF: Final = frozenset({"application/x-protobuf", "application/protobuf"})
_JSON: Final = "application/json"
_MAX_FACTS_BYTES: Final = 64 * 1024


class Receiver:
    """The HTTP side of the receiver.

    Args:
        intake: Where accepted requests go.
        counts: Where refusals are counted.
        to_protobuf: Turns an OTLP/JSON body into protobuf; raises ``WireError``.
        max_body_bytes: Largest body, after decompression.
        store_path: Told to whoever asks, so that it can be read there.
        ports: Called for ``{"http_port": …, "grpc_port": …}``, known only once all listen.
    """

    def __init__(
        self,
        intake: Intake,
        counts: Tally,
        to_protobuf: Callable[[Signal, bytes], bytes],
        *,
        max_body_bytes: int,
        store_path: Path,
        ports: Callable[[], Mapping[str, int | None]],
    ) -> None:
        self._intake = intake
        self._counts = counts
        self._to_protobuf = to_protobuf
        self._max_body_bytes = max_body_bytes
        self._store_path = store_path
        self._ports = ports
        # Parsed JSON takes many times the room of its text: one at a time.
        self._one_json = asyncio.Semaphore(1)

    def application(self, *, host: str, token: str | None) -> Application:
        """Return the ASGI application; ``host`` and ``token`` as for `Gate`."""
        routes = [Route(f"/v1/{signal}", self._export_route(signal), methods=["POST"]) for signal in SIGNALS]
        routes += [
            Route(OPEN_PATH, _healthy, methods=["GET"]),
            Route(INFO_PATH, self._info, methods=["GET"]),
            Route(RUNS_PATH + "{run_id}", self._set_run, methods=["POST"]),
        ]
        handlers: dict[Any, Any] = {404: self._not_found, 405: self._wrong_method}  # Any: as Starlette declares it
        return Gate(Starlette(routes=routes, exception_handlers=handlers), host=host, token=token, counts=self._counts)

    def _export_route(self, signal: Signal) -> Callable[[Request], Any]:  # Any: a coroutine of a Response
        async def export(request: Request) -> Response:
            return await self._export(signal, request)

        return export

    async def _export(self, signal: Signal, request: Request) -> Response:
        content_type = _content_type(request)
        share = self._intake.in_flight.open()
        try:
            if content_type not in _PROTOBUF and content_type != _JSON:
                raise RefusedError(
                    wrong_type(
                        f"The content type is {content_type[:100]!r}; expected application/x-protobuf or application/json."
                    )
                )
            body = await read_body(request, share, self._max_body_bytes)
            if content_type == _JSON:
                async with self._one_json:
                    body = await asyncio.to_thread(self._to_protobuf, signal, body)
                share.resize(len(body))
            accepted = await asyncio.wrap_future(self._intake.submit(signal, body, share))
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            share.release()
            return self._refused(refusal_of(error), content_type, request)
        if content_type == _JSON:
            answer = answers.export_response_json(signal, accepted.rejected, accepted.reason)
        else:
            answer = answers.export_response(accepted.rejected, accepted.reason)
        return Response(answer, media_type=content_type)

    async def _set_run(self, request: Request) -> Response:
        try:
            # A web page can post without asking only with other types: this keeps it out.
            if _content_type(request) != _JSON:
                raise RefusedError(wrong_type("Facts of a run are sent as application/json."))
            share = self._intake.in_flight.open()
            try:
                body = await read_body(request, share, _MAX_FACTS_BYTES)
            finally:
                share.release()
            try:
                facts = run_facts(json.loads(body))
            except ValueError as error:
                raise RefusedError(malformed(str(error))) from error
            run_id = request.path_params["run_id"]
            await asyncio.wrap_future(self._intake.call(lambda store: store.set_run(run_id, **facts)))
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            return self._refused(refusal_of(error), _JSON, request)
        return JSONResponse({})

    async def _info(self, request: Request) -> Response:
        return JSONResponse(
            {
                "otelkit": __version__,
                "pid": os.getpid(),
                "store": str(self._store_path),
                **self._ports(),
                "held_bytes": self._intake.in_flight.held_bytes,
                "counts": self._counts.snapshot(),
            },
            headers={"server": "otelkit"},
        )

    def _refused(self, refusal: Refusal, content_type: str, request: Request) -> Response:
        self._counts.refused(refusal.reason)
        headers = {"server": "otelkit"}
        if refusal.retry_after_s is not None:
            headers["retry-after"] = str(refusal.retry_after_s)
        if "expect" in request.headers:
            # The sender may or may not send the body after this; only a new connection is sure of its place.
            headers["connection"] = "close"
        if content_type in _PROTOBUF:
            answer = answers.status(refusal.code, refusal.message)
        else:
            content_type, answer = _JSON, answers.status_json(refusal.code, refusal.message)
        return Response(answer, refusal.http_status, headers, content_type)

    async def _not_found(self, request: Request, error: Exception) -> Response:
        paths = ", ".join(f"/v1/{signal}" for signal in SIGNALS)
        message = f"There is nothing at {request.url.path[:200]}; OTLP over HTTP is taken at {paths}."
        return self._refused(Refusal(404, Code.NOT_FOUND, tally.NOT_HERE, message), _content_type(request), request)

    async def _wrong_method(self, request: Request, error: Exception) -> Response:
        allowed = getattr(error, "headers", None) or {}
        message = f"{request.url.path} does not take {request.method[:20]}; expected {allowed.get('Allow', 'POST')}."
        refusal = Refusal(405, Code.UNIMPLEMENTED, tally.NOT_HERE, message)
        response = self._refused(refusal, _content_type(request), request)
        response.headers.update(allowed)
        return response


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok\n")
