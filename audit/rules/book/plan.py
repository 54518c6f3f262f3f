"""A planned change of the rule book: what changes, and what that would do, before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit.events.document import Document
from audit.events.times import iso
from audit.rules.describe import read_back
from audit.rules.model import Rule, to_dict

if TYPE_CHECKING:
    import polars as pl

    from audit.population.stats import PopulationContext
    from audit.rules.replay.simulation import Progress


class KeyChange(Document):
    """A key of a rule whose value differs; null: its default."""

    key: str
    before: Any
    after: Any

    @property
    def line(self) -> str:
        """`limit: 3 → 2`."""
        return f"{self.key}: {_value_text(self.before)} → {_value_text(self.after)}"


@dataclass(frozen=True, slots=True)
class Change:
    """A rule before and after; None where there is none."""

    before: Rule | None
    after: Rule | None

    @property
    def rule(self) -> Rule:
        """The rule as it becomes, or as it was where it is taken out."""
        rule = self.after or self.before
        assert rule is not None
        return rule

    @property
    def sign(self) -> str:
        """What becomes of the rule: `+` added, `-` taken out, `~` changed."""
        return "+" if self.before is None else "-" if self.after is None else "~"

    def differences(self) -> list[KeyChange]:
        """What changes, key by key, in the order of a rule file."""
        before = {} if self.before is None else to_dict(self.before)
        after = {} if self.after is None else to_dict(self.after)
        return [
            KeyChange(key=key, before=before.get(key), after=after.get(key))
            for key in dict.fromkeys((*before, *after))
            if before.get(key) != after.get(key)
        ]

    @property
    def reads(self) -> list[str]:
        """What the rule then does, in a sentence, where that is new."""
        before, after = (rule and read_back(rule) for rule in (self.before, self.after))
        return [after] if after and after != before else []

    def lines(self) -> list[str]:
        """What changes, a line a key: `limit: 3 → 2`; of a rule that is new, what it says: `limit: 2`."""
        if self.before is None:
            return [f"{new.key}: {_value_text(new.after)}" for new in self.differences() if new.key != "id"]
        return [difference.line for difference in self.differences()]


class Effect(Document):
    """What a change would do to the loaded past, in messages and people."""

    stopped: int
    """Messages that would be stopped and were not."""
    freed: int
    moved: int
    """Let through at another time."""
    people_directly: int
    """With a message that a changed rule stops or puts off, before or then."""
    people_indirectly: int
    """With a message that changes because room was freed or used up."""

    def lines(self) -> list[str]:
        """It in words, for people."""
        people = "person" if self.people_directly == 1 else "people"
        return [
            f"{self.stopped:,} more stopped, {self.freed:,} let through again, {self.moved:,} moved",
            f"{self.people_directly:,} {people} directly, {self.people_indirectly:,} indirectly",
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would change. `before` and `after` are all rules; `based_on` is the book's newest change when planned.

    `effective`: from when on it is to be in force (None: from when it is written). `undoes`: the change that it takes
    back; `proposal`: the number of the proposal that it carries out.
    """

    action: str
    changes: Sequence[Change]
    before: Sequence[Rule]
    after: Sequence[Rule]
    based_on: int
    undoes: int | None = None
    effective: datetime | None = None
    proposal: int | None = None

    def lines(self) -> list[str]:
        """The plan for people: a line a rule with what becomes of it; below what it then does, and its changed keys."""
        lines = []
        for change in self.changes:
            lines.append(f"{change.sign} {change.rule.id}")
            lines += [f"    {line}" for line in change.reads]
            if change.sign == "~":
                lines += [f"    {line}" for line in change.lines()]
        if lines and self.effective is not None:
            lines.append(f"in force from {iso(self.effective)}")
        return lines

    def beside_the_others(self, rule: Rule) -> "Plan":
        """What a rule that the plan puts in does beside the others: with it, as against without it. Not to be carried out.

        Of a rule that is new it is the plan itself.
        """
        others = [before for before in self.before if before.id != rule.id]
        return replace(self, changes=(Change(None, rule),), before=others)

    def effect(
        self,
        events: "pl.DataFrame",
        ctx: "PopulationContext",
        *,
        ids: Mapping[str, str] | None = None,
        causes: "pl.DataFrame | None" = None,
        progress: "Progress | None" = None,
    ) -> Effect:
        """Replay `events` (whole customers, in order) with the rules before and after, and compare message by message.

        `ids` and `causes` as for `simulate`. Where the kernel decides, some customers are compared at a time; `progress`
        is then told how many events are done, else as for `simulate`; there are two replays.
        """
        from audit.rules.replay import fleet

        if not self.is_fast(int((events["kind"] == "message_sent").sum()), ids):
            return self._effect_on(events, ctx, ids=ids, causes=causes, progress=progress)
        parts, done = [], 0
        for part in fleet.whole_customers(events.lazy(), fleet.ROWS):
            of_part = None if causes is None else causes.join(part, on="customer_id", how="semi")
            parts.append(self._effect_on(part, ctx, ids=ids, causes=of_part, compiled=True))
            done += part.height
            if progress is not None:
                progress(done, events.height)
        return _together(parts)

    def is_fast(self, messages: int, ids: Mapping[str, str] | None = None) -> bool:
        """Whether the kernel decides so many messages with the rules before and with those after."""
        from audit.rules.replay import simulation
        from audit.rules.scopes import RuleSet

        return all(simulation.is_fleet(messages, RuleSet(rules, ids)) for rules in (self.before, self.after))

    def _effect_on(
        self,
        events: "pl.DataFrame",
        ctx: "PopulationContext",
        *,
        ids: Mapping[str, str] | None,
        causes: "pl.DataFrame | None",
        progress: "Progress | None" = None,
        compiled: bool | None = None,
    ) -> Effect:
        """`compiled`: by the kernel; by default where messages are many."""
        import polars as pl

        from audit.rules.reference import histories
        from audit.rules.replay import simulation
        from audit.rules.scopes import RuleSet

        messages, key = histories.sent(events), ("customer_id", "event_id")
        before, after = (
            simulation.decide(
                messages, events, RuleSet(rules, ids), ctx.facts, progress, causes=causes, compiled=compiled
            ).select(*key, "deferred_to", "failing_rules", stops=pl.col("decision") == "stop")
            for rules in (self.before, self.after)
        )
        differs = before.join(after, on=key, suffix="_after").filter(
            (pl.col("stops") != pl.col("stops_after"))
            | pl.col("deferred_to").ne_missing(pl.col("deferred_to_after"))
        )
        changed = pl.lit([change.rule.id for change in self.changes], dtype=pl.List(pl.String))
        failing = pl.col("failing_rules").list.set_union("failing_rules_after")
        moved = pl.col("stops") == pl.col("stops_after")
        direct = (failing.list.set_intersection(changed).list.len() > 0) | (moved & self._defers)
        people = differs.select("customer_id", direct=direct)
        return Effect(
            stopped=differs.filter(pl.col("stops_after") & ~pl.col("stops")).height,
            freed=differs.filter(pl.col("stops") & ~pl.col("stops_after")).height,
            moved=differs.filter(moved).height,
            people_directly=people.filter("direct")["customer_id"].n_unique(),
            people_indirectly=people.filter(~pl.col("direct"))["customer_id"].n_unique(),
        )

    @property
    def _defers(self) -> bool:
        """Whether a changed rule puts messages off."""
        rules = (rule for change in self.changes for rule in (change.before, change.after))
        return any(rule is not None and rule.on_fail == "defer" for rule in rules)


def _together(parts: Sequence[Effect]) -> Effect:
    """Of some customers each."""
    return Effect(**{name: sum(getattr(part, name) for part in parts) for name in Effect.__struct_fields__})


def _value_text(value: Any) -> str:
    if value is None:
        return "default"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
