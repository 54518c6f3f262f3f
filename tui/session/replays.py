"""Replays for the screens: over one customer, or over everybody as fast as somebody types."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from tui.rendering.text import number
from tui.session.view_models import Drawing, KeptRoom, Sample, WeeklyCap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from audit.rules.book.plan import Effect
    from audit.rules.model import Rule
    from audit.rules.replay.interactive_replay import PreparedReplay
    from audit.rules.replay.totals import ReplayDocument
    from audit.rules.scopes import RuleSet
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
    from tui.session.open_workspace import OpenWorkspace
    from tui.session.view_models import Document, Progress

COMPARED_ROWS = 20_000
"""Events compared at a time: so few that the screen does not wait for the interpreter."""


class Replays:
    """What can be replayed of the workspace."""

    def __init__(self, opened: OpenWorkspace) -> None:
        self._opened = opened

    def _prepared(self) -> PreparedReplay:
        """Everybody's past, prepared to be replayed; once a version of the workspace."""
        from audit.rules.replay.interactive_replay import PreparedReplay

        opened = self._opened
        return opened.cached(
            "prepared",
            opened.workspace.version,
            lambda: PreparedReplay.of(opened.everybody, opened.workspace.context()),
        )

    def prepare(self, running: Callable[[], bool]) -> None:
        """Load and compile what replays over everybody need, as long as `running` says so."""
        from audit.rules.kernel import preload
        from audit.rules.replay.interactive_replay import AT_ONCE

        if self._opened.viewer.may("simulate") and self._prepared().messages > AT_ONCE:
            preload.make_ready(running)
        gc.freeze()  # what is loaded by now stays; looking through it again and again holds the screen up

    def replay(
        self,
        keys: Document,
        customer: str | None,
        progress: Progress | None = None,
        sampled: Callable[[Sample], None] | None = None,
    ) -> ReplayDocument:
        """`whysent.replay/1` of one rule alone, over one customer or everybody.

        Where the whole takes long, `sampled` is given that of some customers first. `progress` may raise to stop it.
        """
        self._opened.viewer.require("simulate" if customer is None else "propose")
        rules = self._rule_alone(keys)
        if customer is not None:
            return self._replay_of_customer(rules, customer)
        prepared, causes = self._prepared(), self._opened.causes_for(rules.rules)
        if sampled is not None and prepared.takes_long(rules, causes=causes):
            sample = prepared.sample()
            totals = sample.replay(rules, causes=causes, progress=_stoppable(progress) if progress else None)
            sampled(Sample(totals.document(), prepared.customers))
        return prepared.replay(rules, causes=causes, progress=progress).document()

    def keep_room(self, keys: Document, campaign: str, progress: Progress | None = None) -> KeptRoom:
        """What becomes of who displaces whom if room is kept for a campaign under the cap of these `keys`."""
        from audit.rules import model
        from audit.rules.replay.room import room_for
        from audit.rules.scopes import RuleSet

        self._opened.viewer.require("simulate")
        cap = model.from_dict({**keys, "enabled": True})
        room = room_for(cap, campaign)
        rules = RuleSet(room.beside(cap), self._opened.customer_ids([cap]))
        after = self._prepared().replay(rules, causes=None, progress=progress).document()
        return KeptRoom(campaign, model.to_dict(room.rule), room.apart, after)

    def beside_the_others(
        self, keys: Document, proposal: str, progress: Progress | None = None
    ) -> Effect | None:
        """What a rule does within the book: the past under the book with it, as against the book without it.

        Of a `proposal`: what it would change if it were approved. None where the past is too long.
        """
        from audit.rules import model
        from audit.rules.book import proposals

        self._opened.viewer.require("simulate")
        book = self._opened.workspace.book
        if proposal:
            return self._opened.effect(book.plan_approve(proposals.number(proposal)), progress)
        rule = model.from_dict({**keys, "enabled": True})
        return self._opened.effect(book.plan_import([rule]).beside_the_others(rule), progress)

    def curve(self, keys: Document, by: str, progress: Progress, drawn: Callable[[Drawing], None]) -> Drawing:
        """One rule alone at several limits or windows (`by`); where that takes long, `drawn` is given that of a sample first."""
        from audit.rules.replay import curve as sweep
        from audit.rules.replay.totals import SweepDocument
        from audit.rules.scopes import RuleSet

        self._opened.viewer.require("sweep")
        rule = self._rule_alone(keys).rules[0]
        axes = sweep.axes(rule)
        axis = by if by in axes else axes[0]
        limits = sweep.limits_around(rule) if axis == "limit" else ()
        windows = sweep.windows_around(rule) if axis == "window" else ()
        rule_sets = [
            RuleSet(variant, self._opened.customer_ids(variant))
            for variant in sweep.variants([rule], rule.id, limits=limits, windows=windows)
        ]
        prepared, causes = self._prepared(), self._opened.causes_for([rule])
        current = str(getattr(rule, axis))

        def over(past: PreparedReplay, note: str, progress_of: Callable[[int], Progress]) -> Drawing:
            points = tuple(
                past.replay(rules, causes=causes, progress=progress_of(part)).point(rules.rules[0])
                for part, rules in enumerate(rule_sets)
            )
            return Drawing(sweep.curve(SweepDocument(rule=rule.id, points=points)), current, note)

        if prepared.takes_long(rule_sets[0], causes=causes):
            sample = prepared.sample()
            note = f"sample: {number(sample.customers)} of {number(prepared.customers)} customers"
            drawn(over(sample, note, lambda _: _stoppable(progress)))
        return over(prepared, "", lambda part: _part_of(progress, part, len(rule_sets)))

    def vendors(self, keys: Document) -> Mapping[str, str]:
        """The senders whose semantics are known, the nearest to a rule first: id → name, and what would become of the rule there."""
        from audit.rules import model, vendor_semantics

        rule = model.from_dict(keys)
        there = [(vendor, vendor_semantics.translate(rule, vendor)) for vendor in vendor_semantics.presets()]
        nearest = sorted(there, key=lambda pair: pair[1].distance)
        return {vendor.id: f"{vendor.title}: {vendor.feature}\n{kept.text}" for vendor, kept in nearest}

    def compare_with_vendor(self, keys: Document, vendor: str, progress: Progress) -> ComparisonDocument:
        """One rule alone beside the same as a sender would keep it: the field `preset` of `whysent.replay/1`."""
        from audit.rules import vendor_semantics
        from audit.rules.vendor_semantics import preset_comparison

        self._opened.viewer.require("simulate")
        rules = self._rule_alone(keys).rules
        return preset_comparison.compare(
            self._opened.everybody.lazy(),
            rules,
            vendor_semantics.preset(vendor),
            self._opened.workspace.context(),
            ids=self._opened.customer_ids(rules),
            causes=lambda _: self._opened.causes,
            progress=progress,
            rows=COMPARED_ROWS,
        )

    def _replay_of_customer(self, rules: RuleSet, customer: str) -> ReplayDocument:
        from audit.queries.case import causes_for
        from audit.rules.replay.simulation import simulate

        workspace = self._opened.workspace
        events, context = workspace.history(customer, at=workspace.at), workspace.context()
        causes = causes_for(rules.rules, events, context)
        return simulate(events, rules, context, causes=causes).document()

    def _rule_alone(self, keys: Document) -> RuleSet:
        """A rule by itself, switched on."""
        from audit.rules import model
        from audit.rules.scopes import RuleSet

        rule: Rule = model.from_dict({**keys, "enabled": True})
        return RuleSet([rule], self._opened.customer_ids([rule]))


WEEK = frozenset({"7d", "1w"})
ONLY_SOME = frozenset({"campaigns", "categories", "topics", "items", "customers", "senders"})
"""Keys of a cap that does not bear on all that goes out."""


def weekly_cap(rules: Iterable[Rule]) -> WeeklyCap | None:
    """The tightest cap of a week among `rules` that counts all campaigns of a customer together."""
    from audit.rules.model import to_dict

    caps: list[WeeklyCap] = []
    for rule in rules:
        keys = to_dict(rule)
        together = not set(keys) & ONLY_SOME and not rule.counted_per
        is_weekly = "limit" in keys and keys.get("window") in WEEK
        if is_weekly and rule.takes_part and together:
            excepted = [name for key, names in keys.items() if key.startswith("except_") for name in names]
            counts = [*rule.channels, *rule.message_classes, *(f"not {name}" for name in excepted)]
            caps.append(WeeklyCap(rule.id, keys["limit"], ", ".join(counts)))
    return min(caps, key=lambda cap: (cap.limit, cap.rule), default=None)


def _stoppable(progress: Progress) -> Progress:
    """Of a sample nobody is told how far it is; it can be stopped all the same."""
    return lambda done, _: progress(0, max(done, 1))


def _part_of(progress: Progress, part: int, parts: int) -> Progress:
    """One replay of several as a part of all, in thousandths, for replays differ in how much they judge."""
    return lambda done, total: progress(1000 * part + 1000 * done // max(total, 1), 1000 * parts)
