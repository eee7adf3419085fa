"""The page at `/`: instances, their process and the journal, for people who would rather look.

An app's own address, `/{org}/{app}/`, shows what concerns that app: it is where a real app's pages are, and where
links to an instance (`#/instance/{party}/{guid}`) lead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from altinn.emulator.answers import empty
from altinn.emulator.store import Record
from altinn.emulator.world import World

if TYPE_CHECKING:
    from starlette.requests import Request

LAST_REQUESTS = 50
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1e2b3c; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; }
th, td { vertical-align: top; }
th { border-bottom: 2px solid #1e2b3c; } td { border-bottom: 1px solid #d2d5d8; }
tr:target { background: #fff3c4; } code { font-size: .9em; } .bad { color: #b3253a; } .empty { color: #5b6675; }
"""


def overview_routes(world: World) -> list[Route]:
    """Return the routes of the page, whole and for one app."""

    async def page(_request: Request) -> Response:
        world.run_due()
        return HTMLResponse(_page(world, lambda _app: True))

    async def app_page(request: Request) -> Response:
        values = request.path_params
        app = world.app(values["org"], values["app"])
        if app is None:
            return empty(404)
        world.run_due()
        return HTMLResponse(_page(world, lambda app_id: app_id == app.id))

    return [Route("/", page), Route("/{org}/{app}/", app_page)]


def _page(world: World, shown: Callable[[str], bool]) -> str:
    """Write the page.

    :param shown: whether an app, by its id, is to be shown.
    """
    instances = sorted(
        (world.instances.get(r["guid"]) or r for r in world.store.instances() if shown(r["appId"])),
        key=lambda r: str(r["lastChanged"]),
        reverse=True,
    )
    filings = [f for f in world.store.filings() if shown(f["app"])]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Altinn emulator</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Altinn emulator</h1>
<p>An emulator, not Altinn: nothing here reaches an authority.
Simulated time: {escape(world.clock.stamp()[:19])} UTC.</p>
<h2>Apps</h2>{_apps(world, shown)}
<h2>Instances</h2>{
        _table(
            ("Instance", "App", "Owner", "Process", "Data elements", "Last changed"),
            [_instance(world, r) for r in instances],
            "No instances yet.",
            [f"/instance/{r['id']}" for r in instances],
        )
    }
<h2>Received by authorities</h2>{
        _table(
            ("Instance", "App", "Submitted", "Outcome", "Deleted"),
            [_filing(f) for f in filings],
            "Nothing was submitted yet.",
        )
    }
<h2>Last requests</h2>{
        _table(
            ("#", "Time", "Request", "Status"),
            [_entry(j) for j in reversed(world.store.journal(LAST_REQUESTS))],
            "No requests yet.",
        )
    }
</body></html>"""


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str, anchors: Sequence[str] = ()) -> str:
    """Write a table; `anchors` are the addresses of its rows within the page."""
    if not rows:
        return f'<p class="empty">{nothing}</p>'
    head = "".join(f"<th>{h}</th>" for h in heads)
    opened = [f'<tr id="{escape(anchor)}">' for anchor in anchors] or ["<tr>"] * len(rows)
    body = "".join(
        tr + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for tr, row in zip(opened, rows, strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _apps(world: World, shown: Callable[[str], bool]) -> str:
    rows = [
        (
            f"<code>{escape(a.id)}</code>",
            f"version {a.library}",
            " → ".join(escape(t.name or t.id) for t in a.process.tasks.values()),
        )
        for a in world.apps.values()
        if shown(a.id)
    ]
    return _table(("App", "App library", "Tasks"), rows, "No apps.")


def _instance(world: World, record: Record) -> tuple[str, ...]:
    process, status = record["process"], record["status"]
    task = process["currentTask"]
    where = f"{task['elementId']} ({task['altinnTaskType']})" if task else f"ended: {process['endEvent']}"
    if status["isHardDeleted"] or status["isSoftDeleted"]:
        where += ", deleted for good" if status["isHardDeleted"] else ", deleted"
    party = world.register.party(record["party"])
    elements = ", ".join(
        f"{e['dataType']} ({e['size']} B{', locked' if e['locked'] else ''})"
        for e in world.instances.elements(record["guid"])
    )
    cells = (
        record["appId"],
        party.name if party else str(record["party"]),
        where,
        elements,
        record["lastChanged"][:19],
    )
    return (f"<code>{escape(record['id'])}</code>", *(escape(c) for c in cells))


def _filing(filing: Record) -> tuple[str, ...]:
    cells = (
        filing["app"],
        filing["submitted"][:19],
        filing["outcome"] or "not judged",
        "yes" if filing["deleted"] else "",
    )
    return (f"<code>{escape(filing['instance'])}</code>", *(escape(c) for c in cells))


def _entry(entry: Record) -> tuple[str, ...]:
    status = f'<span class="bad">{entry["status"]}</span>' if entry["status"] >= 400 else str(entry["status"])
    request = f"<code>{escape(entry['method'])} {escape(entry['path'])}</code>"
    return str(entry["n"]), escape(entry["time"][:19]), request, status
