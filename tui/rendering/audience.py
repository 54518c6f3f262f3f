"""Who got a campaign, and what sets them apart, in plain words and paired bars."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui.rendering.charts import bar

if TYPE_CHECKING:
    from audit.population.audience import SetsApart
    from audit.queries.audience import AudienceDocument

AT_FIRST = 3
"""So many of the things that set recipients apart are shown at first."""

_BREADTH = "breadth only"
"""What it is called that recipients have more often only because they do more different things."""

_WIDTH = 10
"""Cells of a bar that is everybody."""


def page(answer: "AudienceDocument", most: int | None, rest: str) -> Iterator[str]:
    """Who got it and who could have, the first `most` things that set them apart (None: all), and what may be concluded.

    `rest`: where the others are found.
    """
    told = answer.sets_apart[:most]
    yield from head(answer)
    yield ""
    for fact in told:
        yield from _paired_shares(fact)
    if len(told) < len(answer.sets_apart):
        yield f"{len(answer.sets_apart) - len(told)} more set them apart · {rest}"
    yield from foot(answer)


def head(answer: "AudienceDocument") -> Iterator[str]:
    titled = answer.title not in (None, answer.campaign)
    days = f"{answer.first:%Y-%m-%d}"
    if answer.last.date() != answer.first.date():
        days += f" to {answer.last:%Y-%m-%d}"
    yield f"{f'{answer.title} ({answer.campaign})' if titled else answer.campaign} · sent {days}"
    people = "1 person" if answer.recipients == 1 else f"{answer.recipients:,} people"
    yield f"{people} got it; {answer.others:,} others could have and did not"


def _paired_shares(fact: "SetsApart") -> Iterator[str]:
    """What it is, and the two shares as bars beneath each other."""
    from audit.why.wording import alike, had, others_share, percent

    times = "" if fact.lift is None else f", {fact.lift:.1f} times less often"
    topic = f" · sensitive: {fact.topic}" if fact.sensitive else ""
    days = f"{fact.median_days_before:,.0f} days before (median)"
    yield f"{had(fact)}{topic}{f' · {_BREADTH}' if fact.is_breadth else ''}"
    yield f"  {bar(fact.recipients_share, 1.0, _WIDTH):<11} {percent(fact.recipients_share)} of those who got it, {days}"
    yield f"  {bar(fact.others_share or 0.0, 1.0, _WIDTH):<11} {others_share(fact)} of the others{times}"
    equal = fact.at_equal_breadth
    if equal is not None and equal.others_share is not None:
        share = equal.others_share
        yield f"  {bar(share, 1.0, _WIDTH):<11} {percent(share)} of {alike(equal)}"


LABELS = ("got it", "others", "alike")
"""What stands before the bars of a pair: recipients, the others, others who do as many different things."""


Pair = tuple[str, str, str]
"""Whose share it is, its bar, the share."""


def paired_bars(answer: "AudienceDocument", width: int) -> Iterator[tuple[str, list[Pair]]]:
    """Of each thing what it is and its shares as bars beneath each other, over so many cells: all of them are everybody."""
    from audit.why.wording import had, others_share, percent

    cells = max(_WIDTH, width - 30)
    for fact in answer.sets_apart:
        breadth = f" · {_BREADTH}" if fact.is_breadth else ""
        topic = f" · sensitive: {fact.topic}" if fact.sensitive else ""
        shares = [
            (fact.recipients_share, percent(fact.recipients_share)),
            (fact.others_share or 0.0, others_share(fact)),
        ]
        equal = fact.at_equal_breadth
        if equal is not None and equal.others_share is not None:
            shares.append((equal.others_share, percent(equal.others_share)))
        pairs = [
            (label, bar(share, 1.0, cells), told)
            for label, (share, told) in zip(LABELS, shares, strict=False)
        ]
        yield f"{had(fact)}{topic}{breadth}", pairs


def figures(answer: "AudienceDocument", fact: "SetsApart") -> str:
    """The figures behind one pair of bars, in a sentence."""
    from audit.why.wording import alike, others_share

    parts = [
        f"{fact.recipients:,} of {answer.recipients:,} who got it, {fact.median_days_before:,.0f} days before (median)"
    ]
    others = others_share(fact) if fact.others is None else f"{fact.others:,}"
    parts.append(f"{others} of {answer.others:,} others")
    if fact.lift is not None and fact.interval is not None:
        low, high = (f"{end:.1f}" if end is not None else "…" for end in fact.interval)
        parts.append(f"{fact.lift:.1f} times the share of the others (95 %: {low}–{high})")
    if fact.at_equal_breadth is not None:
        parts.append(f"alike: {alike(fact.at_equal_breadth)}")
    return "; ".join(parts)


def foot(answer: "AudienceDocument", *, of_breadth: bool = True) -> Iterator[str]:
    """What may be concluded, and for how many of the recipients; what `of_breadth` means, if any of them is only that."""
    from audit.why.wording import alike, breadth_of_both, percent

    if answer.explains:
        yield f"{percent(answer.explains)} of those who got it have at least one of these"
    yield answer.note
    broad = next((fact.at_equal_breadth for fact in answer.sets_apart if fact.is_breadth), None)
    if broad is not None and of_breadth:
        yield f"{_BREADTH}: {alike(broad)} have it about as often; {breadth_of_both(broad)}"
    if answer.withheld and answer.sets_apart:
        yield "more sets them apart that touches a sensitive topic; hand to privacy"
