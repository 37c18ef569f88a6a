"""Whether requests to an endpoint go by way of something that only `requests` knows about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from otelkit.delivery.otlp_settings import OtlpSettings


def needs_session(settings: OtlpSettings, env: Mapping[str, str]) -> bool:
    """Return whether a proxy, a ``.netrc`` or a credential provider may have a say in how a request is sent.

    The stock exporters send with `requests`, which looks at all three, and people rely on it.
    """
    return settings.credential_provider is not None or _by_proxy(settings.endpoint, env) or _by_netrc(settings, env)


def _by_proxy(endpoint: str, env: Mapping[str, str]) -> bool:
    if not any(name.lower().endswith("_proxy") and value for name, value in env.items()):
        return False
    # Imported here: few need it, and it takes as long as all the rest of the way out.
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    url = urlsplit(endpoint)
    return (url.scheme in proxies or "all" in proxies) and not proxy_bypass(url.hostname or "", proxies)


def _by_netrc(settings: OtlpSettings, env: Mapping[str, str]) -> bool:
    if "authorization" in settings.headers:
        return False
    host = urlsplit(settings.endpoint).hostname or ""
    paths = [Path(env["NETRC"])] if env.get("NETRC") else [Path.home() / name for name in (".netrc", "_netrc")]
    for path in paths:
        if path.exists():
            # Imported here: most have no such file.
            from netrc import NetrcParseError, netrc

            try:
                return netrc(path).authenticators(host) is not None
            except (NetrcParseError, OSError):
                # `requests` goes on without it too.
                return False
    return False
