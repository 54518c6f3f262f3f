"""Replays for the screens: over one customer, or over everybody as fast as somebody types."""

from __future__ import annotations

import gc
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tui.rendering.text import number
from tui.session.view_models import Drawing, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import polars as pl

    from audit.privacy.roles import Viewer
    from audit.rules.model import Rule
    from audit.rules.replay.curve import Curve
    from audit.rules.replay.interactive_replay import PreparedReplay
    from audit.rules.replay.totals import Totals
    from audit.rules.scopes import RuleSet
    from audit.workspace.workspace import Workspace
    from tui.session.protocol import Progress
    from tui.session.view_models import Document

T = TypeVar("T")

AT_A_TIME = 20_000
"""Events compared at a time: so few that the screen does not wait for the interpreter."""


class Replays:
    """What a session can replay of the workspace in `folder`, for `viewer`."""

    def __init__(self, folder: Path, viewer: Viewer) -> None:
        self._folder = folder
        self._viewer = viewer
        self._reading = threading.RLock()
        self._known: dict[str, tuple[str, Any]] = {}

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, opened when first asked for."""
        from audit.workspace.workspace import Workspace

        return Workspace.open(self._folder)

    def _while_it_stands(self, name: str, made: Callable[[], T]) -> T:
        """What is made once of what the workspace holds now; whoever asks meanwhile waits for it."""
        with self._reading:
            known = self._known.get(name)
            if known is None or known[0] != self.workspace.version:
                value = made()
                known = self._known[name] = (self.workspace.version, value)
            value_: T = known[1]
            return value_

    @property
    def everybody(self) -> pl.DataFrame:
        """All events of the workspace."""
        return self._while_it_stands("everybody", self.workspace.events)

    @property
    def _causes(self) -> pl.DataFrame:
        """The causes of everybody's messages."""
        from audit import why

        return self._while_it_stands("causes", lambda: why.causes(self.everybody, self.workspace.context()))

    def _causes_for(self, rules: Iterable[Rule]) -> pl.DataFrame | None:
        """The causes of everybody's messages where one of `rules` reads them, worked out once."""
        return self._causes if any(rule.reads_causes for rule in rules) else None

    def _prepared(self) -> PreparedReplay:
        """Everybody's past, made ready to be replayed; once for what the workspace holds now."""
        from audit.rules.replay.interactive_replay import PreparedReplay

        return self._while_it_stands(
            "prepared", lambda: PreparedReplay.of(self.everybody, self.workspace.context())
        )

    def make_ready(self, wanted: Callable[[], bool]) -> None:
        from audit.rules.kernel import preload
        from audit.rules.replay.interactive_replay import AT_ONCE

        if self._viewer.may("simulate") and self._prepared().messages > AT_ONCE:
            preload.make_ready(wanted)
        gc.freeze()  # what is loaded by now stays; looking through it again and again holds the screen up

    def replay(
        self,
        keys: Document,
        customer: str | None,
        progress: Progress | None = None,
        sampled: Callable[[Sample], None] | None = None,
    ) -> Document:
        self._viewer.require("simulate" if customer is None else "propose")
        rules = self._alone(keys)
        if customer is not None:
            return self._of_one(rules, customer)
        prepared, causes = self._prepared(), self._causes_for(rules.rules)
        if sampled is not None and prepared.takes_long(rules, causes=causes):
            some = prepared.sample()
            made = some.replay(rules, causes=causes, progress=_watched(progress) if progress else None)
            sampled(Sample(made.to_json(), prepared.customers))
        return prepared.replay(rules, causes=causes, progress=progress).to_json()

    def curve(self, keys: Document, by: str, progress: Progress, drawn: Callable[[Drawing], None]) -> Drawing:
        from audit.rules.replay import sweep
        from audit.rules.scopes import RuleSet
        from tui.rendering import curve_points

        self._viewer.require("sweep")
        rules = self._alone(keys)
        rule = rules.rules[0]
        curve_points.refuse_without(rule)
        axis = by if by in curve_points.axes(rule) else curve_points.axes(rule)[0]
        points = {axis + "s": getattr(curve_points, axis + "s")(rule)}
        sets = [RuleSet(one, self._ids(one)) for one in sweep.variants([rule], rule.id, **points)]
        prepared, causes = self._prepared(), self._causes_for([rule])
        now = str(getattr(rule, axis))

        def over(past: PreparedReplay, note: str, told: Callable[[int], Progress]) -> Drawing:
            made = [
                _point(one, past.replay(one, causes=causes, progress=told(at))) for at, one in enumerate(sets)
            ]
            return Drawing(_curve(rule.id, made), now, note)

        if prepared.takes_long(sets[0], causes=causes):
            some = prepared.sample()
            of = f"sample: {number(some.customers)} of {number(prepared.customers)} customers"
            drawn(over(some, of, lambda _: _watched(progress)))
        return over(prepared, "", lambda at: _part_of(progress, at, len(sets)))

    def senders(self) -> Mapping[str, str]:
        from audit.rules import vendor_semantics

        return {one.id: f"{one.title}: {one.feature}" for one in vendor_semantics.presets()}

    def as_sender(self, keys: Document, sender: str, progress: Progress) -> Document:
        from audit.rules import vendor_semantics
        from audit.rules.vendor_semantics import preset_comparison

        self._viewer.require("simulate")
        rules = self._alone(keys).rules
        return preset_comparison.compare(
            self.everybody.lazy(),
            rules,
            vendor_semantics.preset(sender),
            self.workspace.context(),
            ids=self._ids(rules),
            causes=lambda _: self._causes,
            progress=progress,
            rows=AT_A_TIME,
        ).to_json()

    def _of_one(self, rules: RuleSet, customer: str) -> Document:
        from audit.queries import documents
        from audit.rules.replay.simulation import simulate

        events = self.workspace.history(customer, at=self.workspace.at)
        context = self.workspace.context()
        causes = documents.causes_for(rules.rules, events, context)
        return simulate(events, rules, context, causes=causes).to_json()

    def _alone(self, keys: Document) -> RuleSet:
        """A rule by itself, switched on."""
        from audit.rules import model
        from audit.rules.scopes import RuleSet

        rule = model.from_dict({**keys, "enabled": True})
        return RuleSet([rule], self._ids([rule]))

    def _ids(self, rules: Iterable[Rule]) -> dict[str, str]:
        """Source ids → pseudonyms, for rules that name customers."""
        from audit.queries import documents

        return documents.named_in(self.workspace, rules)


def _watched(progress: Progress) -> Progress:
    """Of a sample nobody is told how far it is; it can be stopped all the same."""
    return lambda done, _: progress(0, max(done, 1))


def _part_of(progress: Progress, part: int, parts: int) -> Progress:
    """One replay of several as a part of the whole; told in thousandths, for replays differ in how much they judge."""
    return lambda done, of: progress(1000 * part + 1000 * done // max(of, 1), 1000 * parts)


def _point(rules: RuleSet, totals: Totals) -> Document:
    """A point of the document `whysent.sweep/1`."""
    (rule,) = rules.rules
    from audit.rules.model import to_dict

    written = to_dict(rule)
    return {"limit": written.get("limit"), "window": written.get("window"), **totals.to_json()}


def _curve(rule: str, points: list[Document]) -> Curve:
    from audit.rules.replay.curve import curve

    return curve({"rule": rule, "points": points})
