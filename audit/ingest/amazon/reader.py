"""The whole export of one customer: every file that is known, in order; the others named and counted."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from audit.errors import InputError
from audit.ingest.amazon.archive_members import Member, is_export, opened
from audit.ingest.amazon.datasets import book
from audit.ingest.amazon.import_state import Run
from audit.ingest.amazon.to_batches import FORMAT, batches
from audit.ingest.batch import Batch
from audit.ingest.formats import Format, Options


def gives() -> tuple[str, ...]:
    """The kinds of events that an export can hold."""
    vocabulary = book().vocabulary
    kinds = {each.constants["kind"] for each in book().datasets if "kind" in each.constants}
    for name in ("was_sent", "engagement", "delivery", "preference", "opt_out"):
        kinds |= set(vocabulary[name].values())
    return tuple(sorted(kinds | {"unsubscribed", "order_completed", "order_cancelled"}))


def read(path: Path, options: Options) -> Iterator[Batch]:
    """Batches of one file or folder."""
    return read_together([path], options)


def read_together(paths: Sequence[Path], options: Options) -> Iterator[Batch]:
    """Batches of everything in `paths`, which together are one export.

    Nothing in an export says whose it is: raises InputError without a customer, and for a zip that cannot be read.
    """
    customer = (options.customer or "").strip()
    if not customer:
        raise InputError(
            f"{paths[0]}: an Amazon export does not say whose it is; name the customer with --customer ID"
        )
    with opened(paths) as members:
        run = Run(sum(member.size for member in members if member.dataset), options.tell)
        for member in members:
            if member.dataset is not None:
                run.dated = member.modified
                yield from batches(member, member.dataset, customer, run)
        yield from _strangers(members)


def _strangers(members: Sequence[Member]) -> Iterator[Batch]:
    """Files nobody reads: one account a folder, since an export may hold one file for each thing ever bought."""
    folders: dict[tuple[str, ...], list[Member]] = {}
    for member in members:
        if member.dataset is None:
            folders.setdefault(member.parts[:-1], []).append(member)
    for beside in folders.values():
        count = len(beside)
        path = beside[0].path if count == 1 else f"{beside[0].path} and {count - 1} more beside it"
        reason = f"{path}: no reader for {'this file' if count == 1 else 'these files'}"
        yield Batch(path, FORMAT, 0, pl.DataFrame(schema={"row": pl.UInt64()}), skipped={reason: 0})


AMAZON = Format(
    name=FORMAT,
    title='Amazon\'s "Request My Data" export',
    reads="zip, zip of zips, folder or CSV, of any of its three generations; whose it is comes from --customer",
    gives=gives(),
    recognises=is_export,
    read=read,
    together=read_together,
)
