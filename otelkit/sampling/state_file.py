"""What samplers have learnt, in one small file, so that a restart need not learn it again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from otelkit._folder import replace_file

_log = logging.getLogger("otelkit.sampling")

_VERSION_KEY: Final = "otelkit_sampling_state"
_VERSION: Final = 1
_MOST_BYTES: Final = 64 * 1024 * 1024


def read_state(path: Path, sampler: str) -> Any:  # Any: JSON
    """Return what the sampler of this name has written last; None if there is nothing, or nothing that can be used.

    A file that is broken, of another kind or of a newer version is named once in the log and ignored; the next `write_state`
    replaces it.
    """
    return _parts(path, complain=True).get(sampler)


def write_state(path: Path, sampler: str, learnt: object) -> bool:
    """Put ``learnt`` (what JSON can say) in place of what this sampler has written before; say so if that fails.

    What other samplers have written stays. The file is replaced in one step, so that whoever reads it, or starts after a kill
    at any moment, finds the old one or the new one. Of two processes that write at once one wins. It is for its user only:
    names of stages are nobody else's business.

    Returns:
        Whether it was written.
    """
    parts = {**_parts(path, complain=False), sampler: learnt, _VERSION_KEY: _VERSION}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(parts, separators=(",", ":"), allow_nan=False)
        replace_file(path, text)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        _log.error(
            "sampling_state_path names %s, which could not be written: %s: %s. What samplers have learnt is forgotten at the "
            "end; correct the setting or the permissions.", path, type(error).__name__, error,
        )  # fmt: skip
        return False
    return True


def _parts(path: Path, *, complain: bool) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
        parts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(parts, dict) or parts.get(_VERSION_KEY) != _VERSION:
            raise ValueError(f"it is not what samplers of this version have written ({_VERSION_KEY} {_VERSION})")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        if complain:
            _log.error(
                "sampling_state_path names %s, which could not be read: %s: %s. It is ignored, samplers learn anew, and it is "
                "replaced when they write.", path, type(error).__name__, error,
            )  # fmt: skip
        return {}
    return parts
