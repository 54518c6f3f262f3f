"""Who got a campaign, and what sets them apart, in plain words and paired bars."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tui.rendering.charts import bar

if TYPE_CHECKING:
    from audit.population.audience import SetsApart
    from audit.queries.audience import AudienceDocument


def head(answer: "AudienceDocument") -> list[str]:
    """Who got it, and who could have."""
    name = (
        answer.campaign if answer.title in (None, answer.campaign) else f"{answer.title} ({answer.campaign})"
    )
    days = f"{answer.first:%Y-%m-%d}"
    if answer.last.date() != answer.first.date():
        days += f" to {answer.last:%Y-%m-%d}"
    return [
        f"{name} · sent {days}",
        f"{answer.recipients:,} people got it; {answer.others:,} others could have and did not",
    ]


def paired_shares(facts: "Sequence[SetsApart]") -> Iterator[str]:
    """For each what it is, and the two shares as bars beneath each other."""
    from audit.why.wording import had, others_share, percent

    for fact in facts:
        yield had(fact)
        yield f"  {bar(fact.recipients_share, 1.0, 10):<11} {percent(fact.recipients_share)} of those who got it"
        others = bar(fact.others_share or 0.0, 1.0, 10)
        yield f"  {others:<11} {others_share(fact)} of the others{_times(fact)}"
        yield f"  last {fact.median_days_before:,.0f} days before, at the middle{_sensitive(fact)}"


def foot(answer: "AudienceDocument") -> list[str]:
    """What may be concluded, and for how many of the recipients."""
    lines = [answer.note]
    if answer.explains:
        lines.insert(0, f"{answer.explains:.0%} of those who got it have at least one of these")
    if answer.withheld and answer.sets_apart:
        lines.append("more sets them apart that touches a sensitive topic; hand to privacy")
    return lines


def _times(fact: "SetsApart") -> str:
    return "" if fact.lift is None else f" ({fact.lift:.1f} times as often)"


def _sensitive(fact: "SetsApart") -> str:
    return f" · sensitive: {fact.topic}" if fact.sensitive else ""
