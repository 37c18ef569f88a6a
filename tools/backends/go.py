"""How this project calls Go."""

from __future__ import annotations

import os
import re
import subprocess


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment with what makes builds alike: no C, the module alone, proxies that answer.

    Without `direct`: a module that no proxy has would be looked for with git, in places that may never answer.

    Raises:
        SystemExit: Nothing else is left; the sentence says what to set.
    """
    setting = read_setting("GOPROXY")
    proxies = re.split(r"[,|]?\bdirect\b", setting)[0]
    if not proxies:
        raise SystemExit(
            f"GOPROXY is {setting!r}, which names no module proxy; set it to the address of one that has our modules"
        )
    return os.environ | {"GOPROXY": proxies, "CGO_ENABLED": "0", "GOWORK": "off"} | more


def read_setting(*names: str) -> str:
    """Return what ``go env`` says, one value a line."""
    done = subprocess.run(["go", "env", *names], capture_output=True, text=True, check=True)
    return done.stdout.strip()
