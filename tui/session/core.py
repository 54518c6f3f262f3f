"""The screens' only door to the core: four sets of questions over one open workspace.

Every method may take long and is called in a worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.session.customers import Customers
from tui.session.open_workspace import OpenWorkspace
from tui.session.replays import Replays
from tui.session.rules import Proposals, RuleBook
from tui.session.view_models import Opening

if TYPE_CHECKING:
    from pathlib import Path

    from audit.privacy.roles import Viewer
    from audit.workspace.workspace import Workspace


class CoreSession:
    """Answers from `audit` about the workspace in `folder`: questions in, frozen view models out.

    `first` is the customer to begin with, as typed. Every method raises WhysentError for what a person can act on.
    """

    def __init__(self, folder: Path, viewer: Viewer, *, first: str | None = None) -> None:
        self._opened = OpenWorkspace(folder, viewer)
        self._start_with = first
        self.customers = Customers(self._opened)
        self.replays = Replays(self._opened)
        self.proposals = Proposals(self._opened)
        self.rules = RuleBook(self._opened, self.proposals)

    @property
    def workspace(self) -> Workspace:
        return self._opened.workspace

    def open(self) -> Opening:
        """Open the workspace and say what it is."""
        from audit.population.coverage import line

        info, viewer = self.workspace.info, self._opened.viewer
        return Opening(
            info.path.name,
            info.customers,
            info.events,
            line(self.workspace.coverage),
            viewer.name,
            viewer.ticket,
            viewer.may("list"),
            viewer.reason,
            None if self._start_with is None else self.workspace.resolve(self._start_with),
        )

    def data_version(self) -> str:
        """What findings rest on: another text after an import, or after a change of the declared rules."""
        return self._opened.data_version()

    def warm(self) -> None:
        """Load what looking somebody up will need, so that it is there when they are looked up."""
        from audit.queries import documents  # noqa: F401 - what is wanted is that it is loaded

        self.workspace.vault.resolve("")
        stats = self.workspace.facts()
        # seconds where much was bought, once a snapshot
        _ = (stats.also_bought, stats.bought_together, stats.usual)

    def write_export(self, name: str, text: str) -> str:
        """Write `text` into a file of the workspace that only its owner can read; the path."""
        return self._opened.write_export(name, text)
