"""Take in what programs kept on disk while no receiver listened."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from otelkit.delivery.spool import SpooledRequest, read_spool
from otelkit.embedded.client import BusyReceiverError
from otelkit.embedded.in_flight import Busy
from otelkit.errors import OtelkitError, ReceiverError
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.spool")

_AHEAD: Final = 8
"""Requests under way at a time, so that they share transactions."""

Submit = Callable[[Signal, bytes], "Future[Any]"]
"""Starts to store a request. The future's errors, and its own: ``ValueError`` refused for good, `Busy` and
`BusyReceiverError` later, other `OtelkitError`s not now."""


def take_in_spool(folder: Path, submit: Submit, stop: threading.Event) -> int:
    """Store everything that lies in a spool, oldest first; delete each request when it is stored.

    A request that the receiver refuses for good is deleted too, with a line in the log: no later start would fare better.

    Args:
        folder: The spool; it may be missing.
        submit: Stores a request.
        stop: When set, the rest stays for the next start.

    Returns:
        Spans, points and log records that were stored.
    """
    stored = 0
    under_way: deque[tuple[SpooledRequest, Future[Any]]] = deque()
    try:
        for request in read_spool(folder):
            under_way.append((request, _submitted(request, submit, stop)))
            if len(under_way) >= _AHEAD:
                stored += _settle(*under_way.popleft())
            if stop.is_set():
                break
        while under_way:
            stored += _settle(*under_way.popleft())
    except OtelkitError as error:
        _log.warning("the spool %s stays where it is for now: %s", folder, error)
    finally:
        for request, _ in under_way:
            request.release()
    return stored


def _submitted(request: SpooledRequest, submit: Submit, stop: threading.Event) -> Future[Any]:
    while True:
        try:
            return submit(request.signal, request.body)
        except (Busy, BusyReceiverError) as error:
            if stop.wait(error.retry_after_s):
                request.release()
                raise ReceiverError("the receiver is stopping") from error
        except ValueError as error:
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused
        except BaseException:
            request.release()
            raise


def _settle(request: SpooledRequest, future: Future[Any]) -> int:
    try:
        future.result()
    except ValueError as error:
        _log.error("%d spooled %s are lost, the receiver refuses them: %s", request.count, request.signal, error)
        request.done()
        return 0
    except BaseException:
        request.release()
        raise
    request.done()
    return request.count
