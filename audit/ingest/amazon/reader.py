"""The whole export of one customer: every file that is known, in order; the others named and counted."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from audit.errors import InputError
from audit.ingest.amazon.datasets import book
from audit.ingest.amazon.members import Member, opened
from audit.ingest.amazon.refine import Run
from audit.ingest.amazon.turn import FORMAT, batches
from audit.ingest.batch import Batch

NAME = FORMAT
TITLE = 'Amazon "Request My Data" export'
READS = "zip, zip of zips, folders and CSV of all three generations; needs --customer"


def gives() -> list[str]:
    """The kinds of events that an export can hold."""
    vocabulary = book().vocabulary
    kinds = {each.constants["kind"] for each in book().datasets if "kind" in each.constants}
    for name in ("was_sent", "engagement", "delivery", "preference", "opt_out"):
        kinds |= set(vocabulary[name].values())
    return sorted(kinds | {"unsubscribed", "order_completed", "order_cancelled"})


def read(paths: Sequence[Path], customer: str | None) -> Iterator[Batch]:
    """Batches of everything in `paths`, which together are one export.

    Nothing in an export says whose it is: raises InputError without `customer`, and for a zip that cannot be read.
    """
    if not customer or not customer.strip():
        raise InputError(f"{paths[0]}: an Amazon export does not say whose it is; name the customer with --customer ID")
    with opened(paths) as members:
        run = None
        for member in members:
            if member.dataset is None:
                continue
            run = Run(member.modified) if run is None else run.at(member.modified)
            yield from batches(member, member.dataset, customer, run)
        yield from _strangers(members)


def _strangers(members: Sequence[Member]) -> Iterator[Batch]:
    """Files nobody reads: one account a folder, since an export may hold one file for each thing ever bought."""
    folders: dict[str, list[Member]] = {}
    for member in members:
        if member.dataset is None:
            folders.setdefault("/".join(member.parts[:-1]), []).append(member)
    for members_of in folders.values():
        count = len(members_of)
        path = members_of[0].path if count == 1 else f"{members_of[0].path} and {count - 1} more beside it"
        reason = "a file we have no reader for" if count == 1 else f"{count} files we have no reader for"
        yield Batch(path, FORMAT, 0, pl.DataFrame(schema={"row": pl.UInt64()}), skipped={reason: 0})
