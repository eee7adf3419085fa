"""The links below the login: names, proxies, certificates, and the two clocks."""

from __future__ import annotations

import socket
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from altinn.doctor.findings import ALTINN, FAILED, OK, WARNING, YOU, Finding

if TYPE_CHECKING:
    import requests

Resolve = Callable[[str, int], object]

AHEAD, BEHIND = 10.0, 20.0
"""Seconds by which this machine's clock may lead and lag: Maskinporten takes an `iat` that lies 10 s ahead, and an
assertion of 100 s lives that much less."""
NOTICED = 3.0


def system_resolve(host: str, port: int) -> object:
    """Ask the system for a host's addresses.

    :raises OSError: it has none.
    """
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def proxy_for(http: requests.Session, url: str) -> str:
    """Return the proxy that a request to an address would take; empty for none."""
    import requests

    merged = http.merge_environment_settings(url, {}, None, None, None)["proxies"]
    return str(requests.utils.select_proxy(url, merged) or "")


def check_names(urls: tuple[str, ...], http: requests.Session, resolve: Resolve) -> Finding:
    """Resolve every host that is asked directly, and the proxies in place of those that are not."""
    link, asked = "name resolution", []
    for url in urls:
        proxy = proxy_for(http, url)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if host in asked:
            continue
        asked.append(host)
        try:
            resolve(host, port)
        except OSError as exc:
            what = f"the proxy {host}" if proxy else host
            return Finding(
                link, FAILED, f"{what} has no address here ({exc.strerror or type(exc).__name__})", YOU, "DNS"
            )
    return Finding(link, OK, ", ".join(asked))


def check_reach(urls: tuple[str, ...], http: requests.Session, timeout: float) -> tuple[list[Finding], list[str]]:
    """Reach every server; give the findings for proxy and TLS, and the `Date` headers that came back."""
    dates: list[str] = []
    for url in urls:
        proxy = proxy_for(http, url)
        failed, date = _reach(url, proxy, http, timeout)
        if failed is not None:
            return [failed], dates
        dates.append(date)
    through = sorted({_plain(proxy) for url in urls if (proxy := proxy_for(http, url))})
    secure = all(url.startswith("https:") for url in urls)
    return [
        Finding("proxy", OK, f"through {', '.join(through)}" if through else "none"),
        Finding("TLS", OK, "certificates accepted" if secure else "not used: the addresses begin with http:"),
    ], dates


def _reach(url: str, proxy: str, http: requests.Session, timeout: float) -> tuple[Finding | None, str]:
    import requests

    host = urlsplit(url).netloc
    try:
        answer = http.get(url, timeout=(10, timeout), allow_redirects=False)
    except requests.exceptions.ProxyError:
        text = f"the proxy {_plain(proxy)} does not let {host} through, or is not there"
        return Finding("proxy", FAILED, text, YOU, "field proxies, or HTTPS_PROXY of the machine"), ""
    except requests.exceptions.SSLError:
        text = f"the certificate of {host} is not accepted: something in between shows one of its own, or it has lapsed"
        return Finding("TLS", FAILED, text, YOU, "field verify (a file with the certificates to trust)"), ""
    except requests.exceptions.RequestException as exc:
        text = f"{host} does not answer ({type(exc).__name__}): a firewall, or the service is down"
        return Finding("connection", FAILED, text, YOU, "the network's firewall"), ""
    if answer.status_code >= 500:
        text = f"{host} is out of order (status {answer.status_code})"
        return Finding("connection", FAILED, text, ALTINN, "https://status.digdir.no/"), ""
    return None, answer.headers.get("Date", "")


def _plain(proxy: str) -> str:
    """Return a proxy's address without the user name and password that it may hold."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def check_clock(dates: list[str], now: float) -> Finding:
    """Compare this machine's clock with what the servers say."""
    link = "clock"
    skews: list[float] = []
    for date in filter(None, dates):
        try:
            # The header is cut to whole seconds, so that the middle of the second is the best guess.
            skews.append(now - parsedate_to_datetime(date).timestamp() - 0.5)
        except (TypeError, ValueError):
            continue
    if not skews:
        return Finding(link, WARNING, "no server said what time it is", YOU, "NTP")
    worst = max(skews, key=abs)
    text = f"this machine's clock is {abs(worst):.0f} s {'ahead of' if worst > 0 else 'behind'} the servers'"
    if worst > AHEAD or worst < -BEHIND:
        return Finding(link, FAILED, f"{text}: assertions will be refused", YOU, "NTP")
    if abs(worst) > NOTICED:
        return Finding(link, WARNING, text, YOU, "NTP")
    return Finding(link, OK, "agrees with the servers'")
