"""Releases of OpenTelemetry that do not belong together.

The API, the SDK and the exporters are released together as 1.N; the instrumentations and the semantic conventions at the
same time as 0.(N+21)bX. An installer that is not held back by bounds mixes them, and the mixture fails in odd places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, requires
from typing import Final

from otelkit.model.checks import Finding, Severity

_BETA_OFFSET: Final = 21
_SDK: Final = "opentelemetry-sdk"
_CORE: Final = re.compile(r"opentelemetry-(api|sdk|proto|exporter-.*|propagator-(b3|jaeger))")
_CONTRIB: Final = re.compile(
    r"opentelemetry-(instrumentation(-.*)?|semantic-conventions|distro|util-http|configuration)"
)


def find_skew() -> Iterator[Finding]:
    """Yield a finding for each installed OpenTelemetry distribution that does not fit the SDK, or that we do not support."""
    installed = _installed()
    minor = _minor(installed.get(_SDK, ""))
    if minor is None:
        yield Finding(
            "versions.no_sdk",
            Severity.ERROR,
            f"{_SDK} is {installed.get(_SDK, 'not installed')}; expected a release 1.N.",
            "Without the SDK nothing is recorded.",
            "Install otelkit again: pip install --force-reinstall otelkit.",
        )
        return
    for name, version in sorted(installed.items()):
        fits = _fits(name, version, minor)
        if fits is not None:
            yield Finding(
                "versions.skew",
                Severity.ERROR,
                f"{name} {version} does not belong to {_SDK} {installed[_SDK]}; expected {fits}.",
                "Mixed releases of OpenTelemetry fail in odd places, or not at all but for the data that is missing.",
                f"pip install '{name}=={fits.replace('x', '*')}'",
            )
    yield from _unsupported(installed)


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for dist in distributions():
        name = _name(dist)
        if name.startswith("opentelemetry-"):
            # The first on the path is the one that is imported.
            found.setdefault(name, dist.version)
    return found


def _name(dist: Distribution) -> str:
    # A damaged installation may have no name at all.
    return re.sub(r"[-_.]+", "-", (dist.metadata["Name"] or "")).lower()


def _minor(version: str) -> int | None:
    match = re.match(r"1\.(\d+)", version)
    return int(match[1]) if match else None


def _fits(name: str, version: str, minor: int) -> str | None:
    """Return the release that would fit, or None if this one does (or follows rules of its own)."""
    beta = re.match(r"0\.(\d+)b", version)
    if _CORE.fullmatch(name):
        if beta and int(beta[1]) == minor + _BETA_OFFSET:  # some exporters are betas
            return None
        return None if _minor(version) == minor else f"1.{minor}.x"
    if _CONTRIB.fullmatch(name) and beta and int(beta[1]) != minor + _BETA_OFFSET:
        return f"0.{minor + _BETA_OFFSET}bx"
    return None


def _unsupported(installed: dict[str, str]) -> Iterator[Finding]:
    for requirement in requires("otelkit") or ():
        name, marker = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0], ";" in requirement
        low = re.search(r">=\s*(\d+)\.(\d+)", requirement)
        high = re.search(r"<\s*(\d+)\.(\d+)", requirement)
        version = re.match(r"(\d+)\.(\d+)", installed.get(name, ""))
        if marker or not (low and high and version):
            continue
        release = (int(version[1]), int(version[2]))
        if not (int(low[1]), int(low[2])) <= release < (int(high[1]), int(high[2])):
            wanted = requirement.removeprefix(name).strip()
            yield Finding(
                "versions.unsupported",
                Severity.WARNING,
                f"{name} {installed[name]} is outside of what this otelkit was tested with ({wanted}).",
                "It may work; nobody has looked.",
                f"pip install '{name}{wanted}'",
            )
