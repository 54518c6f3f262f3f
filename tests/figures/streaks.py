"""What a customer left unanswered, read from the events in plain Python."""

from datetime import timedelta

from audit.events.vocabulary import OPT_INS, OPT_OUTS, VISITS
from audit.population.stats import Facts
from audit.queries.findings_documents import Finding
from tests.figures.history import History, Row, campaign, order
from tests.figures.reading import day


def runs_of(history: History) -> dict[str, list[list[Row]]]:
    """Channel → its messages, parted where somebody answered, came by, ordered or said yes or no."""
    clicked = {
        row["message_id"]
        for row in history.kind("message_clicked")
        if row["message_id"] and not row["machine"]
    }
    signs = {row["event_id"]: row for row in history.acts if row["kind"] in VISITS}
    choices = history.kind(*OPT_INS, *OPT_OUTS)
    runs: dict[str, list[list[Row]]] = {}
    for row in sorted((*history.mailings, *signs.values(), *choices), key=order):
        if row["kind"] == "message_sent":
            own = runs.setdefault(row["channel"] or "unknown", [[]])
            if row["message_id"] in clicked:
                own.append([])
            else:
                own[-1].append(row)
        else:
            for channel, own in runs.items():
                if row["event_id"] in signs or row["channel"] in (None, channel):
                    own.append([])
    return runs


def _rates(run: list[Row], facts: Facts) -> list[float | None]:
    """How often people here answer such messages, where a hundred messages to eleven people tell."""
    counted = facts.responses.to_dicts()
    rates: dict[tuple[str, str | None], float | None] = {}
    for row in run:
        channel, named = row["channel"] or "unknown", campaign(row, "category")
        if (channel, named) not in rates:
            rates[channel, named] = _rate([one for one in counted if one["channel"] == channel], named)
    return [rates[row["channel"] or "unknown", campaign(row, "category")] for row in run]


def _rate(counted: list[Row], named: str | None) -> float | None:
    messages, answered = (sum(one[name] for one in counted) for name in ("messages", "answered"))
    if messages < 100 or not answered or max(one["recipients"] for one in counted) < 11:
        return None
    own = [one for one in counted if one["campaign"] == named]
    known = [one for one in own if one["messages"] >= 100 and one["recipients"] >= 11]
    rate: float = known[0]["answered"] / known[0]["messages"] if known else answered / messages
    return rate


def _needed(channel: str, facts: Facts) -> int:
    """As many as at most one in five recipients have left unanswered, where fifty are known."""
    counted = [
        one for one in facts.silences.to_dicts() if (one["channel"], one["engagement"]) == (channel, "click")
    ]
    everybody = sum(one["people"] for one in counted)
    if everybody < 50:
        return 0
    return min(
        number
        for number in range(2 + max(one["messages"] for one in counted))
        if sum(one["people"] for one in counted if one["messages"] >= number) <= everybody / 5
    )


def is_streak(run: list[Row], facts: Facts) -> bool:
    times = [row["occurred_at"] for row in run]
    dense = any(times[at] - times[at - 2] < timedelta(days=90) for at in range(2, len(times)))
    if (
        len(run) < max(5, _needed(run[0]["channel"] or "unknown", facts))
        or not dense
        or times[-1] - times[0] < timedelta(days=21)
    ):
        return False
    chance = 1.0
    for rate in _rates(run, facts):
        chance *= 0.05**0.2 if rate is None else 1 - rate
    return chance <= 0.05 * (1 + 1e-9)


def ignored(finding: Finding, history: History, facts: Facts) -> list[str]:
    run = runs_of(history)[str(finding.subject)][-1]
    assert is_streak(run, facts)
    others = len({campaign(row, "category") for row in run}) - 1
    counted = [
        one for one in facts.responses.to_dicts() if one["channel"] == (run[0]["channel"] or "unknown")
    ]
    all_of_it = _rate(counted, None)
    names = {one["campaign"] for one in counted if one["messages"] >= 100 and one["recipients"] >= 11}
    own = {campaign(row, "category") for row in run} <= names
    rates = [rate for rate in _rates(run, facts) if rate is not None] if own else [all_of_it or 0]
    usual = [str(max(round(100 * sum(rates) / len(rates)), 1)), "100"] if all_of_it is not None else []
    more = [str(others)] if others else []
    return [str(len(run)), *more, day(run[0]["occurred_at"]), day(run[-1]["occurred_at"]), *usual]
