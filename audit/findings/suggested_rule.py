"""The rules that findings suggest, in the shape of a rules file: on the flow where a flow is at fault, else on one customer.

A rule for everybody has the same id and the same keys whoever's finding suggests it. A mute of one customer is the last
resort, and the only rule for somebody who died.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from audit.events import sensitive_topics
from audit.events.times import iso
from audit.findings.schema import category_title
from audit.rules.kinds.mute import Mute

Rule = Mapping[str, Any]
"""As in a rules file."""

LAST_RESORT = "Last resort: it stops this for one customer; whatever sends it goes on for everybody else."
"""The note of a rule that is about one customer alone."""

_NARROW = ("campaigns", "categories", "items", "topics")
"""Scopes that say what messages are about or belong to."""

_SHORTER_STREAKS = (3, 2)
"""House values: of so many messages in a row an order may be less likely to come between."""

_PACES = ((1, 7), (1, 14), (1, 30), (2, 90))
"""House values: a letter a week, a fortnight, a month; and two in ninety days, fewer than the check counts as many."""

_LONGEST = 60
"""House value: letters of a name in an id."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LEVEL = re.compile(r"[A-Z][a-z0-9]*(?: [a-z0-9]+)*")
_BETWEEN = "-in-"
"""Stands between the levels of a category in an id, the last level first."""

_NAMED = 2
"""Campaigns named in a title; how many there are besides is said."""


def rule_column(
    frame: pl.DataFrame, columns: Iterable[str], suggest: Callable[..., Rule | None], **constants: object
) -> pl.Series:
    """The column `rule`: what `suggest` makes of `columns` of every row and of `constants`, by name, as JSON.

    Null where it suggests none.
    """
    rules = (suggest(**row, **constants) for row in frame.select(columns).iter_rows(named=True))
    texts = [None if rule is None else json.dumps(rule, ensure_ascii=False) for rule in rules]
    return pl.Series("rule", texts, pl.String)


def rule_from_json(text: str | None) -> dict[str, Any] | None:
    """The suggested rule of a finding, in the shape of a rules file."""
    return None if text is None else dict(json.loads(text))


# -- one customer -----------------------------------------------------------------------------------------------


def mute(customer: str, thing: str, **scope: Sequence[str]) -> dict[str, Any]:
    """Nothing in `scope` to the customer; `thing` names it in the title."""
    names = "-".join(slugs(scope[key]) for key in _NARROW if scope.get(key))
    return {
        "id": f"mute-{names}-for-{slug(customer)}",
        "kind": Mute.kind,
        "title": f"Nothing more {thing} to {customer}",
        **scope,
        "customers": [customer],
        "note": LAST_RESORT,
    }


def mute_category_column(frame: pl.DataFrame, column: str) -> pl.Series:
    """The column `rule`: nothing more about the category in `column` to the customer."""

    def suggest(customer_id: str, category: str) -> Rule:
        return mute(customer_id, f"about {category_title(category)}", categories=[category])

    return rule_column(
        frame.with_columns(pl.col(column).alias("category")), ("customer_id", "category"), suggest
    )


def last_resort(rule: Rule, customer: str) -> dict[str, Any] | None:
    """In place of `rule`, which would help this customer nothing: no such messages to them. None where it names none."""
    scope = {key: rule[key] for key in _NARROW if rule.get(key)}
    if not scope or is_last_resort(rule):
        return None
    return mute(customer, _thing(scope), **scope)


def is_last_resort(rule: Rule) -> bool:
    """Whether a rule does nothing but keep some messages from one customer: the flow behind them goes on for all others."""
    return rule["kind"] == Mute.kind and bool(rule.get("customers")) and any(rule.get(key) for key in _NARROW)


def for_the_dead(detected: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """What checks detected, where the only rule for somebody who died is that nothing goes to them from then on.

    No rule is suggested for what came before. `detected`: columns of `schema.DETECTED`; `events`: of the same customers.
    """
    deaths = (
        events.filter(pl.col("kind") == "customer_deceased")
        .group_by("customer_id")
        .agg(pl.col("occurred_at").min().alias("died_at"))
    )
    if deaths.is_empty():
        return detected
    rows = detected.join(deaths, on="customer_id", how="left", maintain_order="left")
    silence = rule_column(rows, ("customer_id", "died_at"), nothing_more).alias("silence")
    after = pl.when(pl.col("last_at") >= pl.col("died_at")).then("silence")
    replaced = pl.when(pl.col("died_at").is_null() | pl.col("rule").is_null()).then("rule").otherwise(after)
    return rows.with_columns(silence).with_columns(rule=replaced).drop("died_at", "silence")


def only_rule(events: pl.DataFrame) -> dict[str, Any] | None:
    """The only rule for the customer of `events`, if they died: that nothing more goes to them. None for everybody else."""
    died_at = events.filter(pl.col("kind") == "customer_deceased")["occurred_at"].min()
    return nothing_more(events["customer_id"][0], died_at) if isinstance(died_at, datetime) else None


def nothing_more(customer_id: str, died_at: datetime | None) -> dict[str, Any] | None:
    """Nothing to somebody from the moment of their death on."""
    if died_at is None:
        return None
    return {
        "id": f"nothing-more-to-{slug(customer_id)}",
        "kind": Mute.kind,
        "title": f"Nothing more to {customer_id}",
        "customers": [customer_id],
        "valid_from": iso(died_at),
    }


# -- a flow, for everybody ----------------------------------------------------------------------------------------


def sunset(unengaged: int, engagement: str, thing: str, **scope: Sequence[str]) -> dict[str, Any]:
    """Nothing more in `scope` after so many in a row without a response; `thing` names it in the title."""
    named = (*_NARROW, "channels")
    names = "-".join(slugs(scope[key]) for key in named if scope.get(key)) or "all"
    return {
        "id": f"sunset-{unengaged}-{names}",
        "kind": "sunset",
        "title": f"Nothing more {thing} after {unengaged} in a row without {_RESPONSES[engagement]}",
        **scope,
        "unengaged": unengaged,
        **({} if engagement == "click" else {"engagement": engagement}),
    }


def alternatives(rule: Rule) -> Iterator[Rule]:
    """Other rules on the flow of a sunset, for a customer who orders now and then: each order begins its count anew."""
    if "unengaged" not in rule:
        return
    scope = {key: rule[key] for key in _NARROW if rule.get(key)}
    thing, engagement = _thing(scope), rule.get("engagement", "click")
    yield from (sunset(unengaged, engagement, thing, **scope) for unengaged in _SHORTER_STREAKS)
    yield from (_pace(limit, days, thing, scope) for limit, days in _PACES)


def _pace(limit: int, days: int, thing: str, scope: Mapping[str, Sequence[str]]) -> Rule:
    names = "-".join(slugs(names) for names in scope.values())
    return {
        "id": f"at-most-{limit}-in-{days}d-{names}",
        "kind": "frequency_cap",
        "title": f"At most {limit} {thing} in {days} days",
        **scope,
        "limit": limit,
        "window": f"{days}d",
    }


def _thing(scope: Mapping[str, Sequence[str]]) -> str:
    """What messages are about or belong to, in a title."""
    if "categories" in scope:
        return f"about {category_title(scope['categories'][0])}"
    return f"of {quoted(next(iter(scope.values())))}"


def without_consent(topic: str, campaigns: Sequence[str]) -> dict[str, Any]:
    """Nothing about a sensitive topic, of these campaigns where any are known, to anybody who did not consent to it."""
    title = sensitive_topics.titles().get(topic, topic)
    of = f" ({quoted(campaigns)})" if campaigns else ""
    return {
        "id": f"consent-to-{slugs(campaigns) if campaigns else slug(topic)}",  # no topic: ids are shown to every role
        "kind": "sensitive",
        "title": f"Nothing about {title}{of} without consent to it",
        **({"campaigns": list(campaigns)} if campaigns else {"topics": [topic]}),
    }


_RESPONSES = {"click": "a click", "open": "an open"}


def shortest(days: int, *spans: int) -> int:
    """The shortest of these `spans` (days, ascending) that is at least as long; the last where none is."""
    return next((span for span in spans if span >= days), spans[-1])


# -- names ----------------------------------------------------------------------------------------------------------


def named(rule: Rule, titles: Mapping[str, str]) -> Rule:
    """`rule` with the campaigns in its title by what they are called, where `titles` has it."""
    title = str(rule["title"])
    for campaign in rule.get("campaigns", ()):
        title = title.replace(f"“{campaign}”", f"“{titles.get(campaign, campaign)}”")
    return {**rule, "title": title}


def quoted(names: Sequence[str]) -> str:
    """Names in a title: `“Deals”`, `“Deals”, “New for you” and 2 more`."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"“{name}”" for name in names[:_NAMED]) + more


def slugs(names: Sequence[str]) -> str:
    """Names as a part of an id: the first, and what tells several apart."""
    return slug(names[0]) if len(names) == 1 else f"{_words(names[0])}-{_digest(json.dumps(sorted(names)))}"


def slug(name: str) -> str:
    """A name as a part of an id: small letters, digits and hyphens, and no other name has the same.

    A category names its last level first: `nail-clippers-in-nails-in-beauty`. Where letters had to go, some of the name's
    own digest follow.
    """
    levels = name.split(" > ")
    if len(levels) > 1 and all(_LEVEL.fullmatch(level) and "in" not in level.split() for level in levels):
        words = _BETWEEN.join(level.lower().replace(" ", "-") for level in reversed(levels))
        return words if len(words) <= _LONGEST else f"{words[:_LONGEST].strip('-')}-{_digest(name)}"
    pseudonym = name.replace("_", "-", 1) if name.startswith("c_") else name
    if _NAME.fullmatch(pseudonym) and _BETWEEN not in pseudonym and len(name) <= _LONGEST:
        return pseudonym
    return "-".join(part for part in (_words(name), _digest(name)) if part)


def _words(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", letters))[:_LONGEST].strip("-")


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=3).hexdigest()
