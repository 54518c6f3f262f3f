"""The screens' only door to the core: four sets of questions over one open workspace.

Every method may take long and is called in a worker. What comes out is what the viewer is told.
"""

from __future__ import annotations

from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from audit.errors import WhysentError
from tui.session.open_workspace import OpenWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.privacy.roles import Viewer
    from audit.workspace.workspace import Workspace
    from tui.session.customers import Customers
    from tui.session.replays import Replays
    from tui.session.rules import Proposals, RuleBook
    from tui.session.view_models import Opening, Progress


Questions = TypeVar("Questions")


OWN_WORDS = frozenset({"read_letter"})
"""Questions whose answers repeat what whoever asks wrote, as they wrote it: the rest of such an answer was decided on before."""


class _Door:
    """A set of questions for a viewer who is not told everything: answers and errors come out as they are told them, parts
    of answers that callbacks are given too; stand-ins in what they ask are turned back.
    """

    def __init__(self, questions: object, opened: OpenWorkspace) -> None:
        self._questions = questions
        self._opened = opened

    def __getattr__(self, name: str) -> Callable[..., Any]:
        question = getattr(self._questions, name)

        @wraps(question)
        def ask(*values: Any, **options: Any) -> Any:
            view = self._opened.workspace.view
            values = tuple(self._telling(value) if callable(value) else view.meant(value) for value in values)
            options = {
                key: self._telling(value) if callable(value) else view.meant(value)
                for key, value in options.items()
            }
            try:
                answer = question(*values, **options)
            except WhysentError as error:
                error.args = self._opened.workspace.view.shown(error.args)
                raise
            if name in OWN_WORDS:
                return answer
            return self._opened.workspace.view.shown(answer)

        return ask

    def _telling(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *parts: callback(*self._opened.workspace.view.shown(parts))


class CoreSession:
    """Answers from `audit` about the workspace in `folder`: questions in, frozen view models out.

    `make` makes it first and says how many customers are still to come; `finish` makes those, and is told whom to tell how
    far it is. Every method raises WhysentError for what a person can act on.
    """

    def __init__(
        self,
        folder: Path,
        viewer: Viewer,
        *,
        make: Callable[[], int] | None = None,
        finish: Callable[[Progress], object] = lambda _: None,
    ) -> None:
        self._opened = OpenWorkspace(folder, viewer)
        self._make, self._finish = make, finish
        if make is not None:
            self._opened.there.clear()

    @classmethod
    def of_demo(cls, folder: Path, viewer: Viewer) -> Self:
        """The demo, made in `folder` where it is not there yet."""

        def make() -> int:
            from fixtures.demo import begin

            return begin(folder)

        def finish(progress: Progress) -> None:
            from fixtures.demo import finish_apart

            finish_apart(folder, progress)

        return cls(folder, viewer, make=make, finish=finish)

    # loaded when first asked, that is: after the first paint

    @cached_property
    def customers(self) -> Customers:
        """Everybody, and one customer."""
        from tui.session.customers import Customers

        return self._for_viewer(Customers(self._opened))

    @cached_property
    def replays(self) -> Replays:
        """What rules would have done."""
        from tui.session.replays import Replays

        return self._for_viewer(Replays(self._opened))

    @cached_property
    def _proposals(self) -> Proposals:
        from tui.session.rules import Proposals

        return Proposals(self._opened)

    @cached_property
    def proposals(self) -> Proposals:
        """What waits for an answer."""
        return self._for_viewer(self._proposals)

    @cached_property
    def rules(self) -> RuleBook:
        """The rule book, and changes of it."""
        from tui.session.rules import RuleBook

        return self._for_viewer(RuleBook(self._opened, self._proposals))

    def _for_viewer(self, questions: Questions) -> Questions:
        """A set of questions as its viewer may ask them."""
        told_everything = self._opened.viewer.may("sensitive")
        return questions if told_everything else cast("Questions", _Door(questions, self._opened))

    @property
    def workspace(self) -> Workspace:
        return self._opened.workspace

    def open(self) -> Opening:
        """Make the workspace, where that is asked for, open it and say what it is."""
        try:
            awaited = 0 if self._make is None else self._make()
        finally:
            self._opened.there.set()
        return self._opening(awaited)

    def finish(self, progress: Progress) -> Opening:
        """Make what is still awaited, and read the workspace with it from now on."""
        self._finish(progress)
        self.workspace.refresh()
        return self._opening(0)

    def _opening(self, awaited: int) -> Opening:
        from audit.queries.reports.limits import line
        from tui.session.view_models import Opening

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
            info.synthetic,
            awaited,
        )

    def data_version(self) -> str:
        """What screens rest on: another text after an import, and after whatever anybody writes into the rule book."""
        return f"{self._opened.data_version()} {self.workspace.book.revision()}"

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
