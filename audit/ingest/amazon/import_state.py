"""What one import of an export knows while it goes from file to file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from audit.ingest.amazon.archive_members import Member

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Run:
    """The file at hand and what the files before it held.

    - `dated`: the date of the file at hand;
    - `messages`: message ids that the sent notifications list; `pushes`: those of pushes met so far;
    - `total`, `done`: bytes of all files, and of those that are finished; `progress` is told of them.
    """

    total: int
    progress: Callable[[int, int, str], None]
    dated: datetime = _NEVER
    done: int = 0
    messages: set[str] = field(default_factory=set)
    pushes: set[str] = field(default_factory=set)

    def tell(self, member: Member, read: int) -> None:
        """`read` bytes of this file are done."""
        self.progress(self.done + read, self.total, member.path)
