"""Who got a campaign and what sets them apart, counted again from the events of everybody."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import fmean

import polars as pl

from audit import why
from audit.events.vocabulary import campaign_of
from audit.population.audience import FEWEST, AtEqualBreadth, Audiences, SetsApart
from audit.population.candidate_acts import ACTS
from audit.population.stats import none
from audit.queries.reports import note_sentences
from audit.queries.reports.language import language
from audit.why.model import AudienceFacts, BreadthFacts, Reason
from tests.build import context
from tests.figures.history import History, Row
from tests.figures.reading import figures, minute

KINDS = {what: kind for kind, what in ACTS.items()}
_READ = ("customer_id", "occurred_at", "kind", "category", "item_id")


class Audience:
    """The recipients of a campaign and the others, in data in which nobody says no and no country is known."""

    def __init__(self, events: pl.DataFrame, campaign: str) -> None:
        sent = events.filter(
            pl.col("kind") == "message_sent", pl.coalesce("campaign_id", "campaign_name") == campaign
        )
        self.got: dict[str, datetime] = dict(
            sent.group_by("customer_id").agg(pl.col("occurred_at").min()).rows()
        )
        begins = dict(
            events.group_by("customer_id").agg(pl.col("occurred_at").min()).sort("customer_id").rows()
        )
        turns = sorted(self.got.values())
        others = [person for person in begins if person not in self.got]
        moments = {person: turns[place % len(turns)] for place, person in enumerate(others)}
        self.others = {person: at for person, at in moments.items() if begins[person] < at}
        people = self.got | self.others
        moment = pl.DataFrame({"customer_id": [*people], "moment": [*people.values()]})
        acts = events.filter(pl.col("kind").is_in([*ACTS])).select(*_READ)
        self._acts = acts.join(moment, on="customer_id")
        self._known: dict[tuple[str, str], pl.DataFrame] = {}

    def within(self, what: str, window: str) -> pl.DataFrame:
        """The acts of a kind within a window before the moments."""
        if (what, window) not in self._known:
            reach = timedelta(days=int(window.removesuffix("d")))
            at, moment = pl.col("occurred_at"), pl.col("moment")
            inside = self._acts.filter(pl.col("kind") == KINDS[what], at < moment, at >= moment - reach)
            self._known[what, window] = inside
        return self._known[what, window]

    def holders(self, fact: SetsApart) -> set[str]:
        acts = self.within(fact.what, str(fact.window))
        path = pl.col("category")
        below = (path == fact.value) | path.str.starts_with(f"{fact.value} > ")
        is_it = below if fact.item_id is None else pl.col("item_id") == fact.item_id
        return set(acts.filter(is_it)["customer_id"])

    def shares(self, fact: SetsApart) -> tuple[float, float]:
        """Of the recipients, and of the others."""
        holders = self.holders(fact)
        return len(holders & self.got.keys()) / len(self.got), len(holders & self.others.keys()) / len(
            self.others
        )

    def numbers(self, breadth: AtEqualBreadth) -> dict[str, int]:
        """Person → how many different things, of all who take part."""
        did = (
            self.within(breadth.act, breadth.window)
            .group_by("customer_id")
            .agg(pl.coalesce("category", "item_id").n_unique())
        )
        return dict.fromkeys((*self.got, *self.others), 0) | dict(did.rows())

    def medians(self, breadth: AtEqualBreadth) -> tuple[int, int]:
        """So many, or more, half of the recipients did, and half of the others."""
        numbers = self.numbers(breadth)
        ordered = (sorted(numbers[person] for person in people) for people in (self.got, self.others))
        recipients, others = (own[len(own) // 2] for own in ordered)
        return recipients, others

    def alike(self, fact: SetsApart, breadth: AtEqualBreadth) -> float:
        """The mean, over the recipients, of the share of the others in their fifth; of one without others the recipients' own."""
        numbers, holders = self.numbers(breadth), self.holders(fact)
        ordered = sorted(numbers[person] for person in self.got)
        cuts = [ordered[part * len(ordered) // 5] for part in range(1, 5)]
        fifths: dict[int, tuple[list[str], list[str]]] = {}
        for person, number in numbers.items():
            fifth = sum(cut <= number for cut in cuts)
            fifths.setdefault(fifth, ([], []))[person in self.got].append(person)
        shares = [
            fmean(person in holders for person in others or recipients)
            for others, recipients in fifths.values()
            for _ in recipients
        ]
        return fmean(shares)


def wrong_audiences(events: pl.DataFrame, found: Audiences, customers: list[str]) -> Iterator[str]:
    """What is told of the audiences of these customers' messages, and of their causes in both languages, that the events do not give."""
    ctx = context(events, facts=replace(none(), comparison=lambda: found))
    histories = {name: History(events.filter(customer_id=name), {}, ctx.at) for name in customers}
    by_campaign: dict[str, list[tuple[str, Row]]] = {}
    for name, history in histories.items():
        for mail in history.sent:
            campaign = str(campaign_of(mail["campaign_id"], mail["campaign_name"]))
            by_campaign.setdefault(campaign, []).append((name, mail))
    for campaign, mails in by_campaign.items():
        audience = Audience(events, campaign)
        yield from _wrong_facts(audience, found, campaign)
        for name, mail in mails:
            because = why.message(events.filter(customer_id=name), ctx, mail["event_id"]).because
            yield from _wrong_reasons(because, mail, histories[name], audience)


def _wrong_facts(audience: Audience, found: Audiences, campaign: str) -> Iterator[str]:
    sizes = found.campaigns.filter(campaign=campaign).select("recipients", "others").row(0)
    if sizes != (len(audience.got), len(audience.others)):
        yield f"{campaign}: {sizes}"
    for fact in found.sets_apart(campaign, 1):
        breadth = fact.at_equal_breadth
        assert breadth is not None
        told = (fact.recipients_share, fact.others_share, breadth.kinds, breadth.others_kinds)
        given = (*(round(share, 6) for share in audience.shares(fact)), *audience.medians(breadth))
        alike = round(audience.alike(fact, breadth), 6)
        holds = 3 * fact.recipients_share >= 4 * alike
        if told != given or (breadth.others_share, breadth.holds) != (alike, holds):
            yield f"{campaign}, {fact.value}: {told}, {breadth} and not {given}, {alike}"


def _wrong_reasons(
    because: Iterable[Reason], mail: Row, history: History, audience: Audience
) -> Iterator[str]:
    for reason in because:
        if not isinstance(reason.facts, AudienceFacts | BreadthFacts):
            continue
        for locale in ("en", "de"):
            text = note_sentences.sentence(language(locale), reason, mail["occurred_at"])
            given = of_reason(reason, mail, history, audience)
            if sorted(figures(text, history.names)) != sorted(given):
                yield f"{text!r}: {given}"


def of_reason(reason: Reason, mail: Row, history: History, audience: Audience) -> list[str]:
    """The figures of a sentence on what sets the `audience` of `mail` apart, which its customer has too."""
    facts = reason.facts
    if isinstance(facts, BreadthFacts):
        breadth = facts.breadth
        reach = timedelta(days=int(breadth.window.removesuffix("d")))
        own = {
            row["category"] or row["item_id"]
            for row in history.kind(KINDS[breadth.act])
            if mail["occurred_at"] - reach <= row["occurred_at"] < mail["occurred_at"]
        }
        numbers = [number for number in (*audience.medians(breadth), len(own)) if number]
        return [breadth.window.removesuffix("d"), *map(str, numbers)]
    assert isinstance(facts, AudienceFacts)
    assert facts.audience
    rows = [history.by_id[ident] for ident in reason.events]
    times = len({row["order_id"] or row["event_id"] for row in rows})
    fact = facts.audience
    recipients, others = audience.shares(fact)
    few = 0 < len(audience.holders(fact) & audience.others.keys()) < FEWEST
    return [
        minute(max(row["occurred_at"] for row in rows)), *([str(times)] if times > 1 else []), str(fact.window).removesuffix("d"),
        _percent(recipients), str(FEWEST) if few else _percent(others), *figures(fact.value, history.names),
    ]  # fmt: skip


def _percent(share: float) -> str:
    digits = 1 if 0 < share < 0.01 or 0.99 < share < 1 else 0
    return figures(f"{100 * share:.{digits}f} %")[0]
