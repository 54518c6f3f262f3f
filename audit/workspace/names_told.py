"""Which names of a workspace its viewer is told: what its events, definitions, campaign map and rules bring is learned as it is read."""

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.privacy.role_view import RoleView

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.privacy.roles import Viewer
    from audit.rules.book import Book
    from audit.rules.model import Rule
    from audit.workspace.snapshot import Generation


class NamesToldOf:
    """The view of whoever a workspace is open for, kept up with what is read; for everybody who is told all, free."""

    def __init__(self, viewer: "Viewer | None", key: str) -> None:
        self._view = RoleView(names_sensitive=viewer is None or viewer.names_sensitive, key=key)
        self._definitions = self._everybody = ""
        """The generations whose definitions and map, and whose events, are known."""
        self._book: tuple[str, int] | None = None
        """The generation at which the rules are known, and when the book was written then."""
        self._known = 0
        """How many names were withheld when the flows were looked at."""

    def view(self, generation: "Generation", book_of: "Callable[[], Book]") -> RoleView:
        """The view, with what definitions, map and book bring as they stand now."""
        if self._view.names_sensitive:
            return self._view
        if self._definitions != generation.version:
            self._definitions = generation.version
            self._learn_definitions(generation)
        book = book_of()
        stamp = generation.version, book.written_at
        if self._book != stamp:
            self._book = stamp
            self._learn_rules(generation, book)
        if self._known != self._view.known:
            self._learn_flows(generation)
            self._known = self._view.known
        return self._view

    def one(self, events: pl.DataFrame) -> pl.DataFrame:
        """One customer's events as they are, learned."""
        self._view.learn(events)
        self._view.learn_ids(events)
        return events

    def everybody(self, generation: "Generation", at: datetime | None = None) -> pl.LazyFrame:
        """Everybody's events as they are, learned once a generation; who is one person is what holds at `at`."""
        events = generation.scan(at)
        if not self._view.names_sensitive and self._everybody != generation.version:
            self._everybody = generation.version
            self._view.learn(events)
        return events

    def _learn_definitions(self, generation: "Generation") -> None:
        sensitive = [definition for definition in generation.definitions if definition.sensitive]
        self._view.learn_names(
            [name for definition in sensitive for name in (definition.id, *definition.aliases)],
            [definition.title for definition in sensitive],
        )
        self._view.learn(generation.campaigns)

    def _learn_flows(self, generation: "Generation") -> None:
        """What sends a campaign or goes to a segment that is withheld has no name either."""
        worded = self._view.text
        for flow in generation.flows:
            if any(
                worded(name) != name for name in (*flow.campaigns, flow.id, flow.title, flow.segment or "")
            ):
                self._view.learn_names([flow.id], [flow.title])

    def _learn_rules(self, generation: "Generation", book: "Book") -> None:
        """Every version of every rule in the book, and every rule that is or was proposed, with what is known of its scopes."""
        from audit.rules.book.proposals import STATES
        from audit.rules.model import to_dict

        changes = [change for proposal in book.inbox.proposals(STATES) for change in proposal.changes]
        proposed = [rule for change in changes for rule in (change.before, change.after) if rule is not None]
        rules = [*proposed, *(version.rule for version in reversed(book.history()))]
        names = {
            name
            for rule in rules
            for name in (*rule.campaigns, *rule.except_campaigns, *rule.items, *rule.except_items)
        }
        if names and self._everybody != generation.version:
            self._view.learn(generation.naming(sorted(names)))
        for rule in set(rules):
            speaks_of_rule(self._view, rule)
        for (
            rule
        ) in rules:  # the versions that stand come last: what is withheld of a rule comes back as it stands
            self._view.shown(to_dict(rule))


def _scopes(rule: "Rule") -> list[str]:
    from audit.rules.model import SCOPES

    return [name for scope in SCOPES for field in (scope, f"except_{scope}") for name in getattr(rule, field)]


def speaks_of_rule(view: RoleView, rule: "Rule") -> bool:
    """Whether a rule speaks of a sensitive topic that is not told; its names are withheld then."""
    return view.learn_rule(rule.id, rule.title, _scopes(rule))
