"""Read the body of a request, decompressing within bounds of size, of memory and of patience."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from otelkit.embedded import tally
from otelkit.embedded.answers import Code
from otelkit.embedded.in_flight import Share
from otelkit.embedded.inflate import Body, DamagedError, EndsEarlyError, InflatedBody, PlainBody, TooLargeError
from otelkit.embedded.refusals import Refusal, RefusedError, malformed, too_large, wrong_type

PATIENCE_S: Final = 30.0
"""Longest wait for the next bytes of a body."""


async def read_body(request: Request, share: Share, limit_bytes: int, patience_s: float = PATIENCE_S) -> bytes:
    """Return the body, decompressed.

    Args:
        request: Its content encoding may be identity, gzip or deflate.
        share: Grows with the decompressed body, so that many senders together stay within the receiver's memory.
        limit_bytes: Most bytes, before and after decompression.
        patience_s: Longest wait between two parts of the body.

    Raises:
        RefusedError: The body is too large, damaged, incomplete, too slow or of another encoding.
        Busy: The receiver holds too much already.
    """
    body = _body_for(request, limit_bytes)
    declared = request.headers.get("content-length", "")
    # Refused before a byte is read; h11 has checked that it is a number.
    if declared and int(declared) > limit_bytes:
        raise RefusedError(too_large(limit_bytes))
    chunks = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(patience_s):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            break
        except TimeoutError:
            message = f"Nothing of the body arrived for {patience_s:g} s. Send it again."
            raise RefusedError(Refusal(408, Code.DEADLINE_EXCEEDED, tally.TOO_SLOW, message)) from None
        except ClientDisconnect:
            raise RefusedError(malformed("the sender went away in the middle of it", tally.TRUNCATED)) from None
        try:
            share.grow(body.feed(chunk))
        except TooLargeError:
            raise RefusedError(too_large(limit_bytes)) from None
        except DamagedError as error:
            raise RefusedError(malformed(str(error))) from error
    try:
        return body.finish()
    except EndsEarlyError as error:
        raise RefusedError(malformed(str(error), tally.TRUNCATED)) from error


def _body_for(request: Request, limit_bytes: int) -> Body:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    match encoding:
        case "identity" | "":
            return PlainBody(limit_bytes)
        case "gzip" | "x-gzip":
            return InflatedBody("gzip", limit_bytes)
        case "deflate":
            return InflatedBody("deflate", limit_bytes)
        case _:
            raise RefusedError(
                wrong_type(f"The content encoding is {encoding[:100]!r}; expected gzip, deflate or none at all.")
            )
