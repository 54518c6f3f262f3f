"""A workspace that is open: what all questions of the screens share, and the files that are written for them.

polars and the databases are loaded inside the methods, that is: in workers, after the first paint.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import polars as pl

    from audit.privacy.roles import Viewer
    from audit.rules.book.plan import Effect, Plan
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace
    from tui.session.view_models import Progress

T = TypeVar("T")

AT_ONCE = 200_000
"""House value: messages above which a change of the book does not replay the whole past, twice, before it is made, where the
kernel cannot do it."""

RECENT_CASES = 5
RECENT_FILE = "recent.json"


class OpenWorkspace:
    """The workspace in `folder`, opened when first asked for; `viewer` says who looks, in which role, for which ticket.

    Whoever asks while it is still being made waits until it is `there`.
    """

    def __init__(self, folder: Path, viewer: Viewer) -> None:
        self.folder = folder
        self.viewer = viewer
        self.acts: list[str] = []
        """What was changed or proposed in this sitting, the last at the end."""
        self.there = threading.Event()
        self.there.set()
        self._locks: dict[str, threading.Lock] = {}
        self._cache: dict[str, tuple[str, Any]] = {}

    @cached_property
    def workspace(self) -> Workspace:
        from audit.workspace.workspace import Workspace

        self.there.wait()
        return Workspace.open(self.folder, self.viewer)

    def data_version(self) -> str:
        """What findings rest on: another text after an import, or after a change of the declared rules."""
        from hashlib import sha256

        from audit.rules import files

        declared = files.dump(self.workspace.context().declared)
        return f"{self.workspace.version}-{sha256(declared.encode()).hexdigest()}"

    def cached(self, name: str, version: str, compute: Callable[[], T]) -> T:
        """What `compute` gives, worked out once a version; whoever asks meanwhile waits for it."""
        with self._locks.setdefault(name, threading.Lock()):
            entry = self._cache.get(name)
            if entry is None or entry[0] != version:
                entry = self._cache[name] = (version, compute())
            value: T = entry[1]
            return value

    @property
    def everybody(self) -> pl.DataFrame:
        """All events of the workspace."""
        return self.cached("everybody", self.workspace.version, self.workspace.events)

    @property
    def causes(self) -> pl.DataFrame:
        """The causes of everybody's messages."""
        from audit import why

        return self.cached(
            "causes", self.workspace.version, lambda: why.causes(self.everybody, self.workspace.context())
        )

    def causes_for(self, rules: Iterable[Rule]) -> pl.DataFrame | None:
        """The causes of everybody's messages where one of `rules` reads them."""
        return self.causes if any(rule.reads_causes for rule in rules) else None

    def customer_ids(self, rules: Iterable[Rule]) -> dict[str, str]:
        """Source ids → pseudonyms, for rules that name customers."""
        from audit.queries.case import named_in

        return named_in(self.workspace, rules)

    def effect(self, plan: Plan, progress: Progress | None = None) -> Effect | None:
        """What a plan would have changed about everybody's past; None where that would take too long."""
        rules = (*plan.before, *plan.after)
        messages, ids = int((self.everybody["kind"] == "message_sent").sum()), self.customer_ids(rules)
        if messages > AT_ONCE and not plan.is_fast(messages, ids):
            return None
        return plan.effect(
            self.everybody,
            self.workspace.context(),
            ids=ids,
            causes=self.causes_for(rules),
            progress=progress,
        )

    # -- files -----------------------------------------------------------------------------------------------------

    def recent_cases(self) -> tuple[str, ...]:
        """The pseudonyms of the cases opened last, newest first; none where there is no file that can be read."""
        try:
            customers = json.loads((self.folder / RECENT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ()
        if not isinstance(customers, list):
            return ()
        return tuple(customer for customer in customers if isinstance(customer, str))[:RECENT_CASES]

    def note_case(self, customer: str) -> None:
        """Put `customer` first among the recent cases; a workspace that cannot be written remembers nothing."""
        earlier = (case for case in self.recent_cases() if case != customer)
        with suppress(OSError):
            write_private(self.folder / RECENT_FILE, json.dumps([customer, *earlier][:RECENT_CASES]))

    def write_export(self, name: str, text: str) -> str:
        """Write `text` into a file among the exports that only its owner can read; the path."""
        folder = self.folder / "exports"
        path = folder / name.replace("/", "_")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            write_private(path, text)
        except OSError as error:
            raise WorkspaceError(f"{path}: cannot be written: {error.strerror}; name another file") from error
        return str(path)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
