"""`workspace.json`: which files make up one generation of a workspace. Replaced whole, never edited in place."""

import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from audit.errors import NoWorkspaceError, WorkspaceError
from audit.storage import private_files
from audit.storage.event_store import Segment

FORMAT = 1
"""The version of the folder's layout that this program writes, and the newest it reads."""

NAME = "workspace.json"

_ADDED_LATER = {"flows", "definitions", "models", "superseded", "unread", "links"}
"""What older programs did not write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workspace chooses.

    `engagement` is `click` or `open`: what counts as a customer's response. `synthetic` marks invented
    data, where small numbers of people may be shown.
    """

    engagement: str = "click"
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation.

    - `id`: random, names the workspace's key; `created`: when (UTC);
    - `at`: the newest event that is not later than the import it came with, None before there is one;
    - `segments`, `coverage`, `campaigns`, `flows`, `definitions`, `models`, `quarantine`, `unread`: files; `customers`: how many have events;
    - `superseded`: files of events that a later export replaced, with `superseded_at`;
    - `links`: the number of the newest row of the vault's links that is part of it;
    - `imports`: ids of the imports that are part of it;
    - `retired`: files of the generation before, which a reader may still have open; removed one generation later.
    """

    id: str
    created: datetime
    settings: Settings = field(default_factory=Settings)
    generation: int = 1
    at: datetime | None = None
    customers: int = 0
    segments: tuple[Segment, ...] = ()
    coverage: str | None = None
    campaigns: str | None = None
    flows: str | None = None
    definitions: str | None = None
    models: str | None = None
    quarantine: tuple[str, ...] = ()
    unread: str | None = None
    imports: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    links: int = 0

    @property
    def events(self) -> int:
        """How many events are stored."""
        return sum(segment.rows for segment in self.segments)

    def files(self) -> set[str]:
        """Everything this generation reads, relative to the workspace."""
        events = {f"events/{segment.file}" for segment in self.segments} | {
            f"quarantine/{name}" for name in self.quarantine
        }
        named = (
            self.coverage, self.unread, self.campaigns, self.flows, self.definitions, self.models,
        )  # fmt: skip
        return events | set(self.superseded) | {name for name in named if name}

    def save(self, folder: Path) -> None:
        """Make this the workspace's current generation. Raises WorkspaceError."""
        document = {"format": FORMAT, **msgspec.to_builtins(self)}
        document["synthetic"] = document["settings"].pop("synthetic")
        private_files.write(folder / NAME, json.dumps(document, indent=1, ensure_ascii=False).encode())


def load(folder: Path) -> Manifest:
    """The current generation. Raises NoWorkspaceError if there is none, WorkspaceError if it cannot be read."""
    path = folder / NAME
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NoWorkspaceError(
            f"{folder}: no workspace here; make one with: whysent import FILE, or whysent demo"
        ) from error
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be read ({error.strerror}); check who owns the folder and its modes"
        ) from error
    except (ValueError, RecursionError) as error:
        raise WorkspaceError(f"{path}: is damaged; restore the workspace from a backup") from error
    version = document.get("format") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise WorkspaceError(
            f"{path}: made by a newer whysent (format {version}, this one reads {FORMAT}); update whysent"
        )
    try:
        return _read(document)
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise WorkspaceError(f"{path}: is damaged; restore the workspace from a backup") from error


def _read(document: dict[str, Any]) -> Manifest:
    """Raises KeyError where something is missing that every program wrote."""
    missing = {field.name for field in fields(Manifest)} - _ADDED_LATER - document.keys()
    if missing:
        raise KeyError(*missing)
    settings = {"engagement": document["settings"]["engagement"], "synthetic": document["synthetic"]}
    return msgspec.convert({**document, "settings": settings}, Manifest)
