"""The answers as text: the same documents that `--json` prints, laid out for people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tui.commands.output import SIGNS, in_lines, line, narrate, table
from tui.rendering.charts import bar, sparkline
from tui.rendering.wording import (
    as_known,
    explanation_lines,
    joined_ids,
    no_day,
    of_one_address,
    several,
    standing_name,
)
from tui.rendering.wording import moment as minute

if TYPE_CHECKING:
    from datetime import datetime

    from audit.findings import Unanswered
    from audit.findings.anomaly import OutOfPattern
    from audit.ingest.suggest import MapSuggestion
    from audit.population.coverage import Coverage
    from audit.queries.campaigns import CampaignMap
    from audit.queries.customer import AnyMembership, CustomerPicture, MessageCounts, Recommendation
    from audit.queries.doctor import Health
    from audit.queries.findings_documents import Finding, Findings, FindingTotals, TriageList
    from audit.rules.replay.outcomes import Rate
    from audit.rules.replay.totals import RatesBeside, ReplayDocument, SweepDocument
    from audit.why import WhyDocument

_OWN = 12
"""House value: so many segments that only our definitions give are listed; how many there are besides is said."""


def customers(answer: "TriageList", coverage: "Coverage") -> None:
    """The triage list."""
    from audit.queries.reports import in_one_line, language

    covered(coverage)
    entries = answer.customers
    table(
        ("severity", "customer", "what", "people here", "events", "messages", "findings", "last"),
        [
            (
                "–" if entry.severity is None else SIGNS[entry.severity], entry.customer, entry.headline,
                "–" if entry.people is None else f"{entry.people:,} of {answer.total:,}", entry.events,
                entry.messages, entry.findings, _day(entry.last),
            )
            for entry in entries
        ],
        right=(3, 4, 5, 6),
    )  # fmt: skip
    if any(entry.severity is None for entry in entries):
        line(f"–: {in_one_line(language('en'), answer.unanswered)}")
    line(f"{len(entries):,} of {several(answer.total, 'customer')}")


def customer(answer: "CustomerPicture") -> None:
    """The whole picture of one customer: the findings first."""
    from audit.population.coverage import of_document
    from audit.queries.reports import without_messages
    from audit.why.wording import reconstruction

    line(f"{answer.customer} · {_extent(answer)}")
    if answer.known_at:
        line(as_known(answer.known_at))
    covered(of_document(answer.coverage))
    if answer.joined:
        line(joined_ids(answer.joined))
    if answer.same_address:
        line(of_one_address(answer.same_address))
    line()
    _findings(answer.findings, answer.unanswered, answer.messages.sent)
    if not without_messages(answer.unanswered):
        _message_counts(answer.messages)
    if answer.segments:
        line("Segments")
        own = [segment for segment in answer.segments if not segment.logged]
        table(
            ("segment", "standing", "logged", "ours", "since", "until"),
            [
                (
                    segment.title, standing_name(segment.standing), _yes(segment.logged), _yes(segment.derived),
                    _since(segment), _day(segment.until) or no_day(segment),
                )
                for segment in answer.segments if segment.logged or segment in own[:_OWN]
            ],
        )  # fmt: skip
        if len(own) > _OWN:
            line(f"and {len(own) - _OWN:,} more that our definitions alone give; --json lists them")
    _recommendations(answer.recommendations, reconstruction(answer.coverage).capitalize())
    _out_of_pattern(answer.out_of_pattern)
    if answer.personas:
        line(
            f"Profiles recorded on {sum(len(each.evidence) for each in answer.personas):,} of {several(answer.events, 'event')}: "
            + " · ".join(f"{persona.id} {persona.share:.0%}" for persona in answer.personas)
        )


def _extent(answer: "CustomerPicture") -> str:
    """How many events there are, and over what time."""
    if not answer.events:
        return f"no event is left, as of {_day(answer.at)}"
    span = _day(answer.first) + (f" to {_day(answer.last)}" if answer.events > 1 else "")
    return f"{several(answer.events, 'event')} · {span}"


def _out_of_pattern(entries: "Sequence[OutOfPattern]") -> None:
    if not entries:
        return
    line("Out of this account's usual pattern: a hint that it may be somebody else's; variety is no fault")
    line("Score: above 0 likelier to be anybody's than this account's")
    for entry in entries:
        line(f"score {entry.score:.2f}: {entry.text}")
        for item in entry.because:
            line(f"          - {item.text}")
        line(f"          try without: --without {','.join(entry.evidence)}")
    line()


_SENDERS = 12
"""Senders that are named, at most; `--json` has all."""


def _message_counts(counts: "MessageCounts") -> None:
    """How many messages there are and what became of them, without zeros."""
    plain = {word: word for word in ("attempted", "sent", "suppressed", "clicked", "answered")}
    opened = {"opened": "opened by people", "machine_opened": "opened by machines only"}
    names = {**plain, **opened, "orphans": "without a send record"}
    told = " · ".join(f"{n:,} {name}" for word, name in names.items() if (n := getattr(counts, word)))
    line(f"Messages: {told or 'none'}")
    if by := _most_first(counts.by_channel):
        line("by channel: " + " · ".join(f"{name} {number:,}" for name, number in by))
    if any(count.without_unsubscribe is not None for count in counts.by_sender):
        senders = counts.by_sender[:_SENDERS]
        line("by sender: " + " · ".join(f"{count.sender} {count.sent:,}" for count in senders))
    leaveless = [count for count in counts.by_sender if count.without_unsubscribe]
    if leaveless:
        numbers = (f"{count.sender} {count.without_unsubscribe:,}" for count in leaveless[:_SENDERS])
        line(f"without a List-Unsubscribe header: {' · '.join(numbers)}")
    line()


def _recommendations(strips: "Sequence[Recommendation]", alone: str) -> None:
    """The items, with the strip that the log names or all of ours that each is in, and why in the one with the strongest reason."""
    for title, rows in (
        ("Shown to them", [row for row in strips if row.logged]),
        (alone, [row for row in strips if not row.logged]),
    ):
        shown = [
            (row.title or row.item_id, ", ".join((row.strategy, *(() if row.logged else row.also_by))), standing_name(row.standing), row.reason)
            for row in rows
        ]  # fmt: skip
        if rows:
            line(title)
            table(("item", "strategy", "standing", "why"), shown)


def explanation(answer: "WhyDocument") -> None:
    """One explanation as a tree of sentences."""
    for text in explanation_lines(answer):
        line(text)


def findings(answer: "Findings | FindingTotals", coverage: "Coverage") -> None:
    """Findings of one customer, or totals over all."""
    from audit.queries.findings_documents import Findings

    covered(coverage)
    if isinstance(answer, Findings):
        if answer.joined:
            line(joined_ids(answer.joined))
        if answer.same_address:
            line(of_one_address(answer.same_address))
        _findings(answer.findings, answer.unanswered, answer.messages)
        return
    table(
        ("severity", "check", "findings", "customers"),
        [(SIGNS[total.severity], total.check, total.findings, total.customers) for total in answer.totals],
        right=(2, 3),
    )
    found = sum(total.findings for total in answer.totals)
    line(f"{several(found, 'finding')} over {several(answer.customers, 'customer')}")
    line()
    _limits(answer.unanswered)


def _findings(findings: "Sequence[Finding]", unanswered: "Sequence[Unanswered]", sent: int) -> None:
    from audit.queries.reports import in_one_line, language

    if not findings:
        line(f"no finding: {in_one_line(language('en'), unanswered, sent=sent)}")
        line()
    for finding in findings:
        line(f"{SIGNS[finding.severity]}  {finding.text}")
        verdict = "" if finding.verdict == "cannot_tell" else f" · rule matched: {finding.verdict}"
        line(f"         {finding.title}{verdict} · {finding.check}")
        if finding.covered_by:
            line(f"         {finding.covered_by.in_words}")
        if finding.covered_in_part:
            line(f"         {finding.covered_in_part.in_part}")
        rule, effect = finding.suggested_rule, finding.suggested_effect
        if rule and effect:
            last = "; last resort: the flow goes on for everybody else" if effect.last_resort else ""
            title = str(rule.get("title") or rule["id"])
            lost = f"of all that this customer got it stops {several(effect.messages, 'message')}, {effect.wanted.responded:,} of them responded to"
            of = f"the {effect.of:,} too many" if finding.excess is not None else f"{effect.of:,}"
            line(f"         would help: {title}: it stops {effect.stops:,} of {of} ({lost}){last}")
    if findings:
        line()
    _limits(unanswered)


def _limits(unanswered: "Sequence[Unanswered]") -> None:
    """What the data cannot answer."""
    from audit.queries.reports import language, sentences

    if unanswered:
        says = language("en")
        line(says.say("internal", "unanswered"))
        for text in sentences(says, unanswered):
            line(f"- {text}")
        line()


def campaign_map(answer: "CampaignMap") -> None:
    """The campaigns seen, mapped or not."""
    table(
        ("campaign", "name", "channel", "messages", "customers", "last", "mapped"),
        [
            (
                campaign.campaign_id, campaign.campaign_name, campaign.channel, f"{campaign.messages:,}",
                f"{campaign.customers:,}", _day(campaign.last), _yes(campaign.mapped),
            )
            for campaign in answer.campaigns
        ],
        right=(3, 4),
    )  # fmt: skip
    line(f"{len(answer.campaigns):,} campaigns, {answer.unmapped:,} of them not mapped")
    if answer.flows:
        line()
        table(
            ("flow", "title", "set off by", "steps", "messages", "as defined"),
            [
                (
                    flow.id, flow.title, flow.trigger or f"list {flow.list}", len(flow.steps) or "",
                    f"{flow.messages:,}", f"{flow.given:,}",
                )
                for flow in answer.flows
            ],
            right=(3, 4, 5),
        )  # fmt: skip


def suggestion(answer: "MapSuggestion") -> None:
    """A map to begin with, as it is written; what is unsure on stderr."""
    for written in answer.map.splitlines():
        line(written)
    for doubt in answer.unsure:
        narrate(f"unsure: {doubt}")


def health(answer: "Health") -> None:
    """What the program needs, and whether it is there."""
    table(
        ("", "check", "detail"),
        [("✓ ok" if check.ok else "✗ wrong", check.name, check.detail) for check in answer.checks],
    )


def replay(answer: "ReplayDocument") -> None:
    """What rules would have done to the past."""
    from msgspec import structs

    from audit.queries.reports import language, left_out
    from audit.rules.vendor_semantics.preset_comparison import ComparedReplay

    share = f" ({_share(answer.stopped, answer.messages)})" if answer.messages else ""
    for text in left_out(language("en"), answer.left_out):
        line(text)
    later = f"  ({answer.later:,} later than their import, left out)" if answer.later else ""
    line(f"messages     {answer.messages:>12,}{later}")
    line(f"stopped      {answer.stopped:>12,}{share}")
    line(f"deferred     {answer.deferred:>12,}")
    line(f"let through  {answer.let_through:>12,}")
    line(f"exempt       {answer.exempt:>12,}")
    ids = f"  ({answer.same_address:,} with another id of their address, each id capped by itself)"
    affected = f"{answer.customers_affected:>12,} of {answer.customers:,} affected"
    line(f"customers    {affected}{ids if answer.same_address else ''}")
    line()
    table(("rule", "stopped"), _most_first(answer.by_rule), right=(1,))
    for title, counts in (("wanted", answer.stopped_wanted), ("unwanted", answer.stopped_unwanted)):
        named = structs.asdict(counts).items()
        line(f"stopped, {title}: " + " · ".join(f"{of:,} {name.replace('_', ' ')}" for name, of in named))
    _rates(answer.rates)
    if answer.displaced:
        line("whose messages used the room that others then lacked:")
        table(
            ("used by", "stopped", "messages"),
            [(pair.by, pair.stopped, pair.n) for pair in answer.displaced[:10]],
            right=(2,),
        )
        line(f"{min(10, len(answer.displaced))} of {len(answer.displaced)}")
    line("Counts of a past that was no experiment: no promise of what would have happened.")
    if isinstance(answer, ComparedReplay):
        from tui.commands import senders

        senders.beside(answer.preset)


def _rates(rates: "RatesBeside") -> None:
    """What followed on stopped messages, beside those let through, beside as many at random."""
    from audit.rules.replay.curve import interval, percent

    def rate_text(rate: "Rate") -> str:
        within = interval(rate.low, rate.high)
        return f"{percent(rate.rate)} ({within})" if within else "unknown"

    groups = (rates.stopped, rates.let_through, rates.random_same_number)
    words = {
        "response": "responded to",
        "order": "ordered",
        "complaint": "complained",
        "opt_out": "opted out",
    }
    table(
        ("what followed, 95 %", "stopped", "let through", "as many at random"),
        [(word, *(rate_text(getattr(group, name)) for group in groups)) for name, word in words.items()],
        right=(1, 2, 3),
    )


def curve(answer: "SweepDocument") -> None:
    """What a rule stops at several limits or windows: a table, and the curve over it."""
    from audit.rules.replay.curve import curve as curve_of
    from audit.rules.replay.curve import sentences
    from tui.rendering.charts import draw_curve

    points, chart = answer.points, curve_of(answer)
    by, stopped = chart.by, [point.stopped for point in points]
    if in_lines():
        for sentence in sentences(chart):
            line(sentence)
    else:
        line(f"rule {answer.rule}, by {by}: {sparkline(stopped)} stopped")
        line()
        for row in draw_curve(chart):
            line(row)
    if answer.beside:
        line(answer.counted_with)
    line()
    table(
        (by, "", "stopped", "share", "deferred", "let through", "people", "responses lost", "orders lost", "opt-outs"),
        [
            (
                getattr(point, by), bar(point.stopped, max(stopped)), f"{point.stopped:,}", _share(point.stopped, point.messages),
                f"{point.deferred:,}", f"{point.let_through:,}", f"{point.customers_affected:,}",
                f"{point.stopped_wanted.responded:,}", f"{point.stopped_wanted.converted:,}",
                f"{point.stopped_unwanted.unsubscribed_next:,}",
            )
            for point in points
        ],
        right=(0, 2, 3, 4, 5, 6, 7, 8, 9),
    )  # fmt: skip
    line(f"of {several(points[0].messages, 'message')} to {several(points[0].customers, 'customer')}")
    line("Counts of a past that was no experiment: no promise of what would have happened.")


def _share(part: int, total: int) -> str:
    return f"{100 * part / total:.1f} %" if total else "–"


def covered(coverage: "Coverage") -> None:
    """The coverage line that stands over every answer."""
    from audit.queries.reports.limits import line as described

    line(described(coverage))


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _day(moment: "datetime | str | None") -> str:
    return minute(moment) if moment else ""


def _since(segment: "AnyMembership") -> str:
    """From when on somebody is in a segment; of an export that does not say it, when that was made."""
    since = _day(segment.since)
    return f"by the export of {since[:10]}" if segment.of_export else since


def _yes(value: object) -> str:
    return "yes" if value else "–"
