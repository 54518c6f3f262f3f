"""For which acts the workspace asks a second person: whoever proposes one may not approve it themselves."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from audit.errors import InputError, NotPermittedError
from audit.events.times import iso

if TYPE_CHECKING:
    from sqlite_utils import Database

RULES, HANDOVER = ACTS = ("rules", "handover")
"""Acts that may need a second person: a change of the rules, an export of people to the system that sends."""


def asked(db: "Database | None") -> frozenset[str]:
    """The acts that need a second person; none until somebody said so."""
    if db is None:
        return frozenset()
    row = db.conn.execute("select second_person from policies order by seq desc limit 1").fetchone()
    return frozenset(json.loads(row[0])) if row else frozenset()


def checked(acts: Iterable[str]) -> list[str]:
    """`acts`, in one order. Raises InputError for one that there is not."""
    wanted = set(acts)
    for act in wanted:
        if act not in ACTS:
            raise InputError(f"{act!r} needs no second person; there are {' and '.join(ACTS)}")
    return sorted(wanted)


def write(db: "Database", acts: Iterable[str], *, author: str, at: datetime, note: str) -> None:
    """Ask a second person for `acts` from now on, and for no others."""
    db.conn.execute(
        "insert into policies (second_person, author, recorded_at, note) values (?, ?, ?, ?)",
        [json.dumps(checked(acts)), author, iso(at), note],
    )


def refuse_alone(db: "Database", act: str, author: str, approver: str | None) -> None:
    """Raises NotPermittedError if `act` needs a second person and `approver` is none."""
    if act not in asked(db):
        return
    if approver is None:
        raise NotPermittedError(
            f"{act}: this workspace asks for a second person; propose it, and let somebody else approve it"
        )
    if approver == author:
        raise NotPermittedError(f"{act}: {author} proposed it; somebody else has to approve it")
