"""Which ids are one person: seen, joined, parted, and which may be."""

from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from audit.errors import InputError, NotFoundError
from audit.events.times import iso
from audit.privacy import links, roles, scan, vault_tables
from audit.privacy.links import BY_HAND, Link, Links, Row
from audit.privacy.vault_tables import Shared
from audit.storage import event_store

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace


def listed(ws: "Workspace") -> Links:
    """Every link that was made, the undone ones too."""
    return Links(links=ws.generation.links)


def joins_them(group: Shared) -> str:
    """That several ids have an address in common, and how to join them."""
    ids = group.customers
    called = {"email": "address", "phone": "telephone number"}[group.field]
    pairs = [f"`whysent link {ids[0]} {ident}`" for ident in ids[1:]]
    return f"{len(ids)} ids of one {called}: {' and '.join(ids)}; {' and '.join(pairs)} {'join' if pairs[1:] else 'joins'} them"


def same_addresses(ws: "Workspace") -> list[Shared]:
    """The customers who have an address or telephone number in common."""
    return vault_tables.shared(ws.path / "vault.db", ws.persons())


def link(
    ws: "Workspace",
    ident: str,
    partner: str,
    *,
    since: datetime | None = None,
    by: str | None = None,
    note: str = "",
) -> Link:
    """Join two ids from `since` on (default: the workspace's moment); where they are joined from then on, nothing changes.

    Raises NotFoundError, and InputError where both are one id.
    """
    with ws.writing():
        a, b = _ids(ws, ident, partner)
        from_then_on = since or ws.at
        if all(link.since > from_then_on for link in links.in_force(ws.generation.links, a, b)):
            _write(ws, (a, b, from_then_on, BY_HAND, by or roles.current_user(), datetime.now(UTC)), note)
    return min(links.in_force(ws.generation.links, a, b), key=attrgetter("since"))


def unlink(ws: "Workspace", ident: str, partner: str, *, by: str | None = None, note: str = "") -> Link:
    """Part two ids again, as if they had never been joined. Raises NotFoundError where no link joins them."""
    with ws.writing():
        a, b = _ids(ws, ident, partner)
        if not links.in_force(ws.generation.links, a, b):
            persons = links.Persons(ws.generation.links, datetime.max.replace(tzinfo=UTC))
            ids = persons.ids(a)
            if b not in ids:
                raise NotFoundError(f"{a} and {b} are not linked; `whysent link --list` shows who is")
            through = ", ".join(" ".join(link.ids) for link in persons.links if link.ids[0] in ids)
            raise NotFoundError(f"{a} and {b} are one person through other ids; part one of these: {through}")
        _write(ws, (a, b, None, BY_HAND, by or roles.current_user(), datetime.now(UTC)), note)
    return next(link for link in reversed(ws.generation.links) if {*link.ids} == {a, b})


def _ids(ws: "Workspace", *texts: str) -> tuple[str, str]:
    """The two ids themselves, whoever they belong to."""
    a, b = (ws.vault.resolve(text) for text in texts)
    if a is None or b is None:
        raise NotFoundError(
            "no such customer here: name two that are, as pseudonyms, source ids or addresses"
        )
    if a == b:
        raise InputError(f"{a} is one id already; name two")
    return a, b


def _write(ws: "Workspace", row: Row, note: str) -> None:
    a, b, since, _, by, _ = row
    details = {
        name: text
        for name, text in (("since", iso(since)), ("note", scan.pseudonymous(note, ws.vault.having)))
        if text
    }
    ws.log.append("linked" if since else "unlinked", f"{a} {b}", details, actor=by)
    file, manifest = ws.path / "vault.db", ws.manifest
    newest = links.record(file, [row])
    persons = links.Persons(links.read(file, newest), ws.at)
    customers = event_store.customers(ws.path / "events", manifest.segments, persons.of)
    ws.commit(replace(manifest, links=newest, customers=customers))
