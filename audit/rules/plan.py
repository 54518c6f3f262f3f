"""A planned change of the rule book: what changes, and what that would do, before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit.rules.model import Rule, to_dict

if TYPE_CHECKING:
    import polars as pl

    from audit.context import Context


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

    def lines(self) -> list[str]:
        """What changes, a line a key: `limit: 3 → 2`."""
        before = {} if self.before is None else to_dict(self.before)
        after = {} if self.after is None else to_dict(self.after)
        return [
            f"{key}: {_shown(before.get(key))} → {_shown(after.get(key))}"
            for key in dict.fromkeys((*before, *after))
            if before.get(key) != after.get(key)
        ]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a plan changes about the past that is loaded.

    - `stopped`, `freed`: messages that would be stopped then and not now, and the other way round;
    - `moved`: messages let through at another time;
    - `people_directly`: customers with such a message that a changed rule decides, or puts off;
      `people_indirectly`: others, whose messages use or lack room because of it.
    """

    stopped: int
    freed: int
    moved: int
    people_directly: int
    people_indirectly: int

    def to_json(self) -> dict[str, int]:
        """The effect as plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would change. `before` and `after` are all rules; `seen` is the book's last change when planned."""

    action: str
    changes: Sequence[Change]
    before: Sequence[Rule]
    after: Sequence[Rule]
    seen: int
    undoes: int | None = None

    def lines(self) -> list[str]:
        """The plan for people: a line a rule with what becomes of it, its changed keys below."""
        told = []
        for change in self.changes:
            word = "+" if change.before is None else "-" if change.after is None else "~"
            told.append(f"{word} {change.rule.id}")
            if word == "~":
                told += [f"    {line}" for line in change.lines()]
        return told

    def effect(
        self,
        events: "pl.DataFrame",
        ctx: "Context",
        *,
        ids: Mapping[str, str] | None = None,
        causes: "pl.DataFrame | None" = None,
    ) -> Effect:
        """Replay `events` with the rules before and after, and compare message by message.

        `ids` and `causes` as for `simulate`.
        """
        import polars as pl

        from audit.rules.replay import simulate

        key = ("customer_id", "event_id")
        now, then = (
            simulate(events, rules, ctx, ids=ids, causes=causes).decisions.select(
                *key, "deferred_to", "deciding_rule", stops=pl.col("decision") == "stop"
            )
            for rules in (self.before, self.after)
        )
        both = now.join(then, on=key, suffix="_then")
        differs = both.filter(
            (pl.col("stops") != pl.col("stops_then"))
            | pl.col("deferred_to").ne_missing(pl.col("deferred_to_then"))
        )
        changed = [change.rule.id for change in self.changes]
        defers = any(change.rule.on_fail == "defer" for change in self.changes)
        decides = pl.col("deciding_rule").is_in(changed) | pl.col("deciding_rule_then").is_in(changed)
        moves = (pl.col("stops") == pl.col("stops_then")) & defers
        directly = differs.filter(decides.fill_null(value=False) | moves)["customer_id"].unique()
        return Effect(
            stopped=_count(differs, pl.col("stops_then") & ~pl.col("stops")),
            freed=_count(differs, pl.col("stops") & ~pl.col("stops_then")),
            moved=_count(differs, pl.col("stops") == pl.col("stops_then")),
            people_directly=directly.len(),
            people_indirectly=differs["customer_id"].n_unique() - directly.len(),
        )


def _count(frame: "pl.DataFrame", which: "pl.Expr") -> int:
    return frame.filter(which).height


def _shown(value: Any) -> str:
    if value is None:
        return "default"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
