"""What is killed: somebody who edits the book, two rules a change, and says of each change that it is done."""

from itertools import count
from pathlib import Path

import sqlite_utils  # noqa: F401 (loaded once, before the fork, not in every child)

from audit.rules.book import Book
from audit.rules.model import from_dict


def pair(limit):
    return [
        from_dict({"id": name, "kind": "frequency_cap", "window": "7d", "limit": limit})
        for name in ("a", "b")
    ]


def editing(path):
    book = Book(Path(path))
    newest = max((one.rule.limit for one in book.history()), default=0)
    for limit in count(newest + 1):
        if limit % 5 == 0:
            book.apply(book.plan_undo(), note="undone")
        else:
            book.apply(book.plan_import(pair(limit)), note=str(limit))
        print(limit, flush=True)
