"""Take in what programs kept on disk while no receiver listened."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from otelkit._bounded import BoundedDict
from otelkit.delivery.spool import SpooledRequest, read_spool
from otelkit.embedded.client import BusyReceiverError
from otelkit.embedded.in_flight import Busy
from otelkit.errors import OtelkitError, ReceiverError
from otelkit.health.loss_notes import note_losses
from otelkit.model.signals import Loss, Signal

_log = logging.getLogger("otelkit.spool")

_AHEAD: Final = 8
"""Requests under way at a time, so that they share transactions."""

# Each is tried again every few seconds, and told once.
_complained: Final[BoundedDict[Path, bool]] = BoundedDict(1000)

Submit = Callable[[Signal, bytes], "Future[Any]"]
"""Starts to store a request. The future's errors, and its own: ``ValueError`` refused for good, `Busy` and
`BusyReceiverError` later, other `OtelkitError`s not now, and whatever else not this one."""


def take_in_spool(folder: Path, submit: Submit, stop: threading.Event) -> int:
    """Store everything that lies in a spool, oldest first; delete each request when it is stored.

    A request that the receiver refuses for good is deleted too, with a line in the log: no later start would fare better.
    One that meets a bug stays, likewise with a line, and does not keep the others from being stored.

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
        except OtelkitError as error:
            if isinstance(error, ValueError):
                return _failed(error)
            request.release()
            raise
        except Exception as error:  # noqa: BLE001 - judged by `_settle`: it concerns this request only
            return _failed(error)
        except BaseException:
            request.release()
            raise


def _failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _settle(request: SpooledRequest, future: Future[Any]) -> int:
    try:
        future.result()
    except ValueError as error:
        _log.error("%d spooled %s are lost, the receiver refuses them: %s", request.count, request.signal, error)
        # The spool lies in the store's folder, where the doctor looks.
        note_losses(
            request.path.parent.parent, {request.signal: {Loss.REJECTED: request.count}}, run_id="", run_name=""
        )
        request.done()
        return 0
    except OtelkitError:
        request.release()
        raise
    except Exception:  # noqa: BLE001 - a bug that concerns this request only
        if _complained.get(request.path) is None:
            _complained.put(request.path, True)
            _log.exception("the spooled request %s could not be stored and stays where it is", request.path)
        request.release()
        return 0
    except BaseException:
        request.release()
        raise
    request.done()
    return request.count
