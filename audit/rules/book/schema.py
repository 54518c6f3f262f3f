"""The book's tables and the steps that made them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x77535231  # "wSR1"

_VERSIONS = """
    create table versions (
        seq integer primary key,
        change integer not null,
        action text not null,
        undoes integer,
        rule_id text not null,
        version integer not null,
        state text not null check (state in ('enabled', 'disabled', 'removed')),
        body text not null,
        author text not null,
        recorded_at text not null,
        note text not null,
        unique (rule_id, version)
    ) strict
"""

_APPROVALS = (
    """create table proposals (
        id integer primary key,
        act text not null check (act in ('rules', 'handover')),
        action text not null,
        body text not null,
        undoes integer,
        effective text,
        author text not null,
        made_at text not null,
        campaign text not null,
        finding text not null,
        customer text not null,
        ticket text not null,
        note text not null
    ) strict""",
    """create table steps (
        seq integer primary key,
        proposal integer not null references proposals,
        state text not null check (state in ('draft', 'proposed', 'approved', 'rejected', 'withdrawn', 'used')),
        actor text not null,
        at text not null,
        note text not null
    ) strict""",
    """create index steps_of_proposal on steps (proposal)""",
    """create table policies (
        seq integer primary key,
        second_person text not null,
        author text not null,
        recorded_at text not null,
        note text not null
    ) strict""",
    """alter table versions add column effective text""",
    """alter table versions add column approved_by text""",
    """alter table versions add column proposal integer references proposals""",
    """update versions set effective = recorded_at""",
)
"""`customer`, `ticket` and `note` say whom a proposal is about: they stand alone, so that they can be emptied."""


def migrations() -> "Migrations":
    """What brings a book to this version."""
    from sqlite_utils import Migrations

    made = Migrations("rules")

    @made()
    def versions(db: "Database") -> None:
        db.execute(_VERSIONS)

    @made()
    def approvals(db: "Database") -> None:
        for statement in _APPROVALS:
            db.conn.execute(statement)

    return made
