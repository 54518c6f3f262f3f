"""The screens' only door to the core: six sets of questions over one open workspace.

Every method may take long and is called in a worker. What comes out is what the viewer is told.
"""

from __future__ import annotations

from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from audit.errors import WhysentError
from tui.session import Name, Names
from tui.session.open_workspace import OpenWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.privacy.roles import Viewer
    from audit.segments.model import Definition
    from audit.workspace.workspace import Workspace
    from tui.session.customers import Customers
    from tui.session.intake import Intake
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

    @cached_property
    def intake(self) -> Intake:
        """Files before they are taken in; what it tells is told by role already."""
        from tui.session.intake import Intake

        return Intake(self._opened)

    def opened_again(self) -> Opening:
        """What the workspace is after an import."""
        self.workspace.refresh()
        return self._opening(0)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What can be gone to by name."""
        from tui.session.customers import Customers
        from tui.session.rules import RuleBook

        customers, book = Customers(self._opened), RuleBook(self._opened, self._proposals)
        return self._for_viewer(Catalogue(self._opened, customers, book))

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

    def export_case(self, customer: str) -> str:
        """Write the note about a customer into such a file; the path."""
        report = self.customers.report(customer, "internal", "en")
        return self.write_export(f"case-{customer}.md", report.text)


FEW = 12
"""House value: so many customers are offered at once; how many fit is said."""


class Catalogue:
    """Names to be looked through, each role's own: who may not list people is given none."""

    def __init__(self, opened: OpenWorkspace, customers: Customers, book: RuleBook) -> None:
        self._opened = opened
        self._customers = customers
        self._book = book

    def names(self) -> tuple[Name, ...]:
        """Campaigns, segments, rules and proposals."""
        may = self._opened.viewer.may
        version = f"{self._opened.data_version()} {self._opened.workspace.book.revision()}"
        campaigns = self._opened.cached("campaign names", version, self._campaigns) if may("why") else ()
        segments = self._segments() if may("checks") else ()
        logged = self._opened.cached("logged segments", version, self._logged) if segments else ()
        entries = self._book.entries() if may("see_rules") else ()
        rules = (Name("rule", entry.key, str(entry.keys.get("title", "")), entry.gist) for entry in entries)
        ours = {segment.id for segment in segments}
        return (*campaigns, *segments, *(segment for segment in logged if segment.id not in ours), *rules)

    def _campaigns(self) -> tuple[Name, ...]:
        import polars as pl

        from audit.events.vocabulary import campaign_expr
        from tui.rendering.wording import several

        sent = self._opened.everybody.filter(pl.col("kind") == "message_sent")
        counted = sent.group_by(campaign_expr().alias("campaign")).agg(
            pl.len(), pl.col("customer_id").n_unique(), pl.col("campaign_name").drop_nulls().first()
        )
        rows = counted.drop_nulls("campaign").sort("len", "campaign", descending=[True, False]).iter_rows()
        return tuple(
            Name("campaign", name, title or "", f"{several(mails, 'mail')} to {several(people, 'customer')}")
            for name, mails, people, title in rows
        )

    def _segments(self) -> tuple[Name, ...]:
        workspace = self._opened.workspace
        return tuple(
            Name("segment", definition.id, definition.title, _meaning(definition))
            for definition in workspace.definitions
            if workspace.view.tells(sensitive=definition.sensitive)
        )

    def _logged(self) -> tuple[Name, ...]:
        """Segments that the sender's log names and no definition of ours."""
        import polars as pl

        from audit.segments.logged import KINDS
        from tui.rendering.wording import several

        workspace = self._opened.workspace
        rows = self._opened.everybody.filter(pl.col("kind").is_in(KINDS)).drop_nulls("segment_id")
        counted = rows.group_by("segment_id").agg(pl.col("customer_id").n_unique()).sort("segment_id")
        told = (
            (ident, people) for ident, people in counted.iter_rows() if workspace.view.text(ident) == ident
        )
        return tuple(
            Name(
                "segment",
                ident,
                "",
                f"as the sender logged it · {several(people, 'customer')} · no definition of ours",
            )
            for ident, people in told
        )

    def customers_like(self, words: tuple[str, ...]) -> Names:
        """Customers whose pseudonym begins with one of `words`, or whose headline has all of them, the worst first."""
        import polars as pl

        if not self._opened.viewer.may("list"):
            return Names()
        everybody = self._customers.triage().customers
        headline = pl.col("headline").str.to_lowercase()
        told = pl.all_horizontal(headline.str.contains(word, literal=True) for word in words)
        named = pl.any_horizontal(pl.col("customer").str.starts_with(word) for word in words)
        fits = everybody.filter(named | told)
        return Names(
            tuple(
                Name("customer", customer, "", said or "")
                for customer, said in fits.head(FEW).select("customer", "headline").iter_rows()
            ),
            fits.height,
        )


def _meaning(definition: Definition) -> str:
    """What is known of a segment's definition, in a line."""
    groups = "one for each group" if definition.grouped else "one segment"
    return f"{definition.purpose} · {definition.basis} · {groups} · source: {definition.source}"
