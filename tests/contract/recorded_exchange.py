"""Send recorded requests to a server and compare its answers with the recorded ones, field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    import requests

HEADERS = ("content-type", "location", "retry-after", "content-disposition", "www-authenticate", "allow")
ERROR_PAGE = "<error page>"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
REPLACED = (
    (re.compile(r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]\b"), "<trace>"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "<jwt>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
)
HOST = re.compile(r"https?://[A-Za-z0-9.:-]+")
REASONS = {
    "/json/detail": "the XML parser's own words",
    "/json/lockToken": "random",
    r"/json/data/\d+/size": "a signature's size depends on the signer and the time",
}
TOKENS = {
    "user": ("/Home/GetTestUserToken/{0}", {"authenticationLevel": "2"}),
    "systemuser": (
        "/Home/GetTestSystemUserToken",
        {"systemUserId": "{0}", "scope": "altinn:instances.read altinn:instances.write"},
    ),
    "org": (
        "/Home/GetTestOrgToken/{0}",
        {
            "orgNumber": "{1}",
            "scopes": "altinn:serviceowner/instances.read altinn:serviceowner/instances.write",
            "authenticationLevel": "3",
        },
    ),
}


@dataclass
class LeftOut:
    """A field that is not compared, and why."""

    where: str
    reason: str


@dataclass
class Result:
    """What came of one scenario."""

    compared: int = 0
    same: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


@dataclass
class Scenario:
    """One recorded scenario, replayed against a server."""

    path: Path
    base: str
    session: requests.Session
    variables: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def replay(self) -> Result:
        document = json.loads(self.path.read_text("utf-8"))
        self.variables = dict(document.get("variables", {}))
        result = Result()
        for number, step in enumerate(document["steps"], 1):
            label = f"{self.path.parent.name}/{self.path.stem} {number} ({step['name']})"
            answer = self.comparable(self.send(document, step), step)
            self.judge(label, step, answer, result)
        return result

    def judge(self, label: str, step: dict[str, Any], answer: dict[str, Any], result: Result) -> None:
        if "quirk" in step:
            result.left_out.append(LeftOut(f"{label}: the whole answer", step["quirk"]))
            return
        expected = step["response"]
        if expected.get("text") == ERROR_PAGE:
            result.left_out.append(LeftOut(f"{label}: /text, /headers", "a developer's error page; its status counts"))
            expected, answer = {"status": expected["status"]}, {"status": answer["status"]}
        skip = re.compile(step["leave_out"]) if "leave_out" in step else None
        if skip:
            result.left_out.append(LeftOut(f"{label}: {skip.pattern}", REASONS[skip.pattern]))
        wanted, seen = dict(leaves(expected)), dict(leaves(answer))
        for where in sorted(wanted.keys() | seen.keys()):
            if skip and skip.match(where):
                continue
            result.compared += 1
            if (
                where in wanted
                and where in seen
                and (wanted[where], type(wanted[where]))
                == (
                    seen[where],
                    type(seen[where]),
                )
            ):
                result.same += 1
            else:
                shown = f"is {seen.get(where, 'missing')!r}, recorded {wanted.get(where, 'missing')!r}"
                result.differences.append(f"{label}{where}: {shown}")

    def send(self, document: dict[str, Any], step: dict[str, Any]) -> requests.Response:
        step = fill({k: v for k, v in step.items() if k not in ("response", "capture")}, self.variables)
        body, kind = body_of(step)
        headers = {"Accept": "application/json", "User-Agent": "recorded"}
        login = step.get("login", document.get("login"))
        if login:
            headers["Authorization"] = f"Bearer {self.token(login)}"
        if kind:
            headers["Content-Type"] = kind
        headers |= step.get("headers", {})
        url = self.base + quote(step["path"], safe="/:@,;=+%")
        if "query" in step:
            url += "?" + urlencode(step["query"], doseq=True)
        sent = {k: v.encode("utf-8") for k, v in headers.items() if v is not None}
        return self.session.request(step["method"], url, headers=sent, data=body, timeout=30, allow_redirects=False)

    def token(self, login: str) -> str:
        if login not in self.tokens:
            kind, *parts = login.split(":")
            path, query = TOKENS[kind]
            answer = self.session.get(
                self.base + path.format(*parts), params={k: v.format(*parts) for k, v in query.items()}, timeout=30
            )
            answer.raise_for_status()
            self.tokens[login] = answer.text.strip().strip('"')
        return self.tokens[login]

    def comparable(self, answer: requests.Response, step: dict[str, Any]) -> dict[str, Any]:
        headers = {h: self.stable(answer.headers[h]) for h in HEADERS if h in answer.headers}
        shown: dict[str, Any] = {"status": answer.status_code, "headers": headers}
        text = answer.content.decode("utf-8-sig")
        try:
            document = json.loads(text)
        except ValueError:
            return shown | {"text": self.stable(text)}
        for variable, path in step.get("capture", {}).items():
            self.variables[variable] = pick(document, path)
        return shown | {"json": self.stable_value(document)}

    def stable(self, text: str) -> str:
        """Replace what differs from run to run; ids are numbered in the order of their first appearance."""
        for pattern, name in REPLACED:
            text = pattern.sub(name, text)
        return HOST.sub("<host>", GUID.sub(numbered(self.names), text))

    def stable_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.stable(k): self.stable_value(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.stable_value(v) for v in sorted(value, key=without_ids)]
        return self.stable(value) if isinstance(value, str) else value


def numbered(names: dict[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda m: names.setdefault(m[0].lower(), f"<guid-{len(names) + 1}>")


def without_ids(value: Any) -> str:
    """Give the key by which lists are sorted, for no server promises an order: ids and times do not count."""
    text = json.dumps(value, sort_keys=True)
    for pattern, name in REPLACED:
        text = pattern.sub(name, text)
    return HOST.sub("<host>", GUID.sub(numbered({}), text))


def leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its path; empty containers are leaves."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{where}/{key}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{where}/{index}")
    elif not (where == "/headers" and value == {}):
        yield where, value


def fill(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {fill(k, variables): fill(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, variables) for v in value]
    return re.sub(r"\{\{(\w+)\}\}", lambda m: variables[m[1]], value) if isinstance(value, str) else value


def pick(document: Any, path: str) -> str:
    """Pick the value at a path such as `/data/[dataType=model]/id`; `#after` keeps what follows the last slash."""
    path, _, cut = path.partition("#")
    for part in filter(None, path.split("/")):
        chosen = re.fullmatch(r"\[(\w+)=(.*)\]", part)
        if chosen:
            document = next(item for item in document if str(item.get(chosen[1])) == chosen[2])
        else:
            document = document[int(part)] if isinstance(document, list) else document[part]
    return str(document).rsplit("/", 1)[-1] if cut else str(document)


def body_of(step: dict[str, Any]) -> tuple[bytes, str | None]:
    if "json" in step:
        return json.dumps(step["json"], ensure_ascii=False).encode(), "application/json"
    if "text" in step:
        return str(step["text"]).encode(), None
    if "repeat" in step:
        return (step["repeat"][0] * step["repeat"][1]).encode(), None
    if "multipart" not in step:
        return b"", None
    boundary, parts = "recorded-exchange-boundary", []
    for part in step["multipart"]:
        content, kind = body_of(part)
        name = f'; filename="{part["filename"]}"' if "filename" in part else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part["name"]}"{name}\r\n'
        kind = part.get("contentType", kind)
        head += f"Content-Type: {kind}\r\n" if kind else ""
        parts.append(head.encode() + b"\r\n" + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
