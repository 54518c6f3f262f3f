"""What each finding's sentence must say, worked out from the events: its figures in the order of reading."""

import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from audit.findings import catalogue
from audit.population.stats import Facts
from audit.queries.findings_documents import Finding
from tests.figures import declared_rules
from tests.figures.history import History, Row, area, campaign, names_cart, order
from tests.figures.reading import day, span
from tests.figures.streaks import ignored, is_streak, runs_of

Figures = list[str]

_GROUPS = Path(catalogue.__file__).with_name("jurisdictions.toml")
EEA = tomllib.loads(_GROUPS.read_text(encoding="utf-8"))["EEA"]["countries"]
"""Where, as in the United Kingdom, no text gives days of grace after a no."""


def expected(finding: Finding, history: History, facts: Facts) -> Figures:
    """The figures of the sentence of a finding, from the events alone; its subject and case say which finding it is."""
    if finding.verdict == "cannot_tell" and finding.check in _ONLY_COUNTED:
        return [str(len(_told_of(finding, history, facts)))]
    if finding.check in _BY_FACTS:
        return _BY_FACTS[finding.check](finding, history, facts)
    return READ[finding.check](finding, history, catalogue.row(finding.check).thresholds)


def total_and_excess(finding: Finding, history: History, facts: Facts) -> tuple[int | None, int | None]:
    """How many messages there were and how many were too many, as the sentence of a finding has them; None: it does not."""
    read = expected(finding, history, facts)
    if finding.check == "declared-vs-observed":
        return int(read[1]), int(read[0])
    if finding.case == "unknown_scope":
        return int(read[-1]), None
    if finding.check in _EXCESS:
        days = [place for place, figure in enumerate(read) if "-" in figure]
        return int(read[0]), next(int(figure) for figure in read[days[0] :] if figure.isdigit())
    return (int(read[0]) if finding.check in _COUNTED and read[0].isdigit() else None), None


_ONLY_COUNTED = {"repeat-after-purchase", "ignored-streak"}
"""Checks whose sentence names no day where nobody can tell."""

_EXCESS = {"over-frequency", "cart-burst", "duplicate-message", "browse-pursuit", "declared-vs-observed"}
_COUNTED = {
    "repeat-after-purchase", "ignored-streak", "cart-after-purchase", "after-opt-out", "life-changed", "unexplained",
}  # fmt: skip


def _told_of(finding: Finding, history: History, facts: Facts) -> list[Row]:
    if finding.check == "ignored-streak":
        runs = (run for runs in runs_of(history).values() for run in runs[-1:] if is_streak(run, facts))
        return max(runs, key=len)
    return [row for row in history.mailings if finding.check == "repeat-after-purchase"]


def _over_frequency(finding: Finding, history: History, limits: Row) -> Figures:
    channel, window = (
        str(finding.subject).split(":")[0],
        timedelta(days={"day": 1, "week": 7}[str(finding.case)]),
    )
    limit, messages = limits[str(finding.case)], history.of_channel(channel)
    passed: list[Row] = []
    stopped: list[Row] = []
    for row in messages:
        recent = [one for one in passed if one["occurred_at"] > row["occurred_at"] - window]
        (stopped if len(recent) >= limit else passed).append(row)
    begin = next(row for row in messages if row["occurred_at"] > stopped[0]["occurred_at"] - window)
    told = [row for row in messages if order(begin) <= order(row) <= order(stopped[-1])]
    fullest: list[tuple[int, datetime]] = []
    for row in told:
        within = [
            one
            for one in messages
            if row["occurred_at"] - window < one["occurred_at"] and order(one) <= order(row)
        ]
        fullest.append((len(within), row["occurred_at"]))
    peak = max(number for number, _ in fullest)
    peak_at = next(at for number, at in fullest if number == peak)
    senders = {row["sender"] for row in told} - {None}
    return [
        str(len(told)),
        *([str(len(senders))] if len(senders) > 1 else []),
        *span(told[0]["occurred_at"], told[-1]["occurred_at"]),
        str(len(stopped)),
        str(limit),
        *([str(peak), day(peak_at)] if peak < len(told) else []),
    ]


def _repeat(finding: Finding, history: History, facts: Facts) -> Figures:
    limits = catalogue.row(finding.check).thresholds
    groups: dict[str, list[Row]] = {}
    for row in history.mailings:
        case, subject, bought = history.repeats(row)
        if bought is None or (case, subject) != (finding.case, finding.subject):
            continue
        since = row["occurred_at"] - bought["occurred_at"]
        length = due_after(bought, history, facts, limits["fallback_days"])
        if length is not None and since < length:
            groups.setdefault(bought["event_id"], []).append(row)
    needed = limits["kindred" if finding.case == "kindred" else "messages"]
    often = {event: rows for event, rows in groups.items() if len(rows) >= needed}
    number = sum(map(len, often.values()))
    moments = {history.by_id[event]["occurred_at"] for event in often}
    return [str(number), *([str(len(moments))] if len(moments) > 1 else []), day(min(moments))]


def due_after(bought: Row, history: History, facts: Facts, fallback: int) -> timedelta | None:
    """How long after an order it could be time to buy it again; None: nobody can tell."""
    for key in ("item_id", "category"):
        of_it = [
            row
            for row in history.orders
            if bought[key] and row[key] == bought[key] and not history.returned(row)
        ]
        firsts = {row["order_id"]: row["occurred_at"] for row in reversed(history.orders) if row["order_id"]}
        ordered = sorted((firsts.get(row["order_id"], row["occurred_at"]) for row in of_it), reverse=True)
        times = sorted({time.date(): time for time in ordered}.values())
        gaps = [
            later - earlier
            for earlier, later in pairwise(time for time in times if time <= bought["occurred_at"])
        ]
        if gaps:
            return median(gaps)
    known = dict(facts.intervals.select("category", "median").rows())
    if bought["category"] in known:
        due: timedelta = known[bought["category"]]
        return due
    words = {row["word"] for row in catalogue.data("consumables.toml")["consumable"]}
    consumable = words & set((bought["category"] or "").lower().split(" > "))
    return None if consumable else timedelta(days=fallback)


def _duplicate(finding: Finding, history: History, limits: Row) -> Figures:
    equal = ("channel", "subject", "item_id", "series_step")
    ours = [row for row in history.mailings if campaign(row, "subject") == finding.subject]
    again, first = [], []
    for number, row in enumerate(ours):
        like = [one for one in ours[:number] if all(one[name] == row[name] for name in equal)]
        if like and row["occurred_at"] - like[-1]["occurred_at"] < timedelta(hours=limits["hours"]):
            again.append(row)
            first.append(like[-1]["occurred_at"])
    told = [row for row in ours if min(first) <= row["occurred_at"] <= again[-1]["occurred_at"]]
    days = span(told[0]["occurred_at"], told[-1]["occurred_at"])
    return [str(len(told)), *days, str(len(again)), str(limits["hours"])]


def _carts(history: History) -> list[Row]:
    words = catalogue.row("cart-after-purchase").thresholds["words"]
    return [
        row
        for row in history.mailings
        if names_cart(
            history.trigger(row) or f"{row['campaign_id'] or ''} {row['campaign_name'] or ''}", words
        )
    ]


def _cart_bought(finding: Finding, history: History, limits: Row) -> Figures:
    found, since = 0, []
    for row in _carts(history):
        adds = [one for one in history.kind("product_added") if order(one) < order(row)]
        adds = [one for one in adds if row["item_id"] in {None, one["item_id"]}]
        item = row["item_id"] or (adds[-1]["item_id"] if adds else None)
        bought = history.bought_before({**row, "item_id": item}, "item_id")
        if item != finding.subject or bought is None:
            continue
        recent = row["occurred_at"] - bought["occurred_at"] < timedelta(days=limits["lookback_days"])
        if order(adds[-1]) < order(bought) if adds else recent:
            found += 1
            since.append(bought["occurred_at"])
    return [str(found), day(min(since))]


def _cart_burst(finding: Finding, history: History, limits: Row) -> Figures:
    carts: dict[datetime | None, list[Row]] = {}
    for row in _carts(history):
        if (campaign(row) or history.trigger(row)) == finding.subject:
            carts.setdefault(_cart_of(row, history, limits["idle_hours"]), []).append(row)
    hours = timedelta(hours=limits["hours"])
    close = [
        (late, late["occurred_at"] - early["occurred_at"])
        for rows in carts.values()
        for early, late in pairwise(rows)
        if late["occurred_at"] - early["occurred_at"] < hours
    ]
    many = [row for rows in carts.values() for row in rows[limits["steps"] :]]
    wrong = {row["event_id"]: row for row in (*(late for late, _ in close), *many)}
    opened = [
        rows[0]["occurred_at"] for rows in carts.values() if any(row["event_id"] in wrong for row in rows)
    ]
    last = max(row["occurred_at"] for row in wrong.values())
    told = [row for rows in carts.values() for row in rows if min(opened) <= row["occurred_at"] <= last]
    reasons = (
        [str(limits["hours"]), str(min(gap for _, gap in close) // timedelta(minutes=1))] if close else []
    )
    return [
        str(len(told)),
        *span(min(opened), last),
        str(len(wrong)),
        *reasons,
        *([str(limits["steps"])] if many else []),
    ]


def _cart_of(message: Row, history: History, idle_hours: int) -> datetime | None:
    cart, newest, previous = None, None, None
    for row in history.kind("product_added", "order_completed"):
        gone_by = previous is None or row["occurred_at"] - previous["occurred_at"] > timedelta(
            hours=idle_hours
        )
        if gone_by or (previous is not None and previous["kind"] == "order_completed"):
            cart = row["occurred_at"]
        if row["kind"] == "product_added" and order(row) < order(message):
            newest = cart
        previous = row
    return newest


def _browse(finding: Finding, history: History, limits: Row) -> Figures:
    followed: dict[str, list[Row]] = {}
    acts = [row for row in history.acts if area(row, 2) == finding.subject]
    for row in history.mailings:
        before = [act for act in acts if order(act) < order(row)]
        trigger = history.trigger(row)
        logged = trigger in limits["triggers"]
        fits = logged if finding.case == "followed" else trigger is None and row["list_id"] is None
        kind = before[-1]["kind"] if before else None
        looked = kind is not None and kind != "order_completed"
        if finding.case == "unlogged":
            looked = kind in {"product_viewed", "products_searched"}
        if fits and looked and area(row, 2) == finding.subject:
            followed.setdefault(before[-1]["event_id"], []).append(row)
    late = timedelta(days=limits["days"])
    wrong = [
        (history.by_id[event], row)
        for event, rows in followed.items()
        for number, row in enumerate(rows, start=1)
        if number >= limits["messages"] or row["occurred_at"] - history.by_id[event]["occurred_at"] > late
    ]
    begin, last = min(act["occurred_at"] for act, _ in wrong), max(row["occurred_at"] for _, row in wrong)
    told = [
        (event, row)
        for event, rows in followed.items()
        for row in rows
        if history.by_id[event]["occurred_at"] >= begin and row["occurred_at"] <= last
    ]
    since = max(history.by_id[event]["occurred_at"] for event, _ in told)
    events = [
        act for act in acts
        if act["kind"] != "order_completed" and day(act["occurred_at"]) >= day(begin) and act["occurred_at"] <= last
    ]  # fmt: skip
    number = [str(len(events)), day(begin)] if len(events) > 1 else []
    rest = [str(len(wrong)), str(limits["messages"] - 1), str(limits["days"])]
    return [str(len(told)), *number, day(since), *rest]


def _after_opt_out(finding: Finding, history: History, limits: Row) -> Figures:
    """Which case a message is in the finding says; how many there are, and after which no, the events."""
    noes = history.kind("unsubscribed", "objected", "consent_withdrawn")
    messages = [row for row in history.sent if row["event_id"] in finding.messages]
    assert all(any(order(no) < order(row) for no in noes) for row in messages)
    causes = [no for no in noes if no["event_id"] in finding.cause]
    country = next((row["country"] for row in reversed(history.rows) if row["country"]), None)
    grace = [str(limits["business_days"] if country == "US" else limits["hours"])]
    number = [str(len(causes))] if len(causes) > 1 else []
    named = [*number, day(min(no["occurred_at"] for no in causes))]
    within = grace if finding.case == "within_grace" else []
    channels = {"email", "sms"} if country == "US" else {"email"}
    gives_grace = country not in {"GB", *EEA} and messages[0]["channel"] in channels
    late = grace if finding.case == "breach" and gives_grace else []
    if finding.case == "unknown_scope":
        return [*named, str(len(messages))]
    days = sorted({day(row["occurred_at"]) for row in messages}) if finding.case == "wrong_scope" else []
    return [str(len(messages)), *within, *days[:1], *(days[-1:] if len(days) > 1 else []), *named, *late]


def _life_changed(finding: Finding, history: History, _: Row) -> Figures:
    changes = [history.by_id[event] for event in finding.cause]
    since = min(change["occurred_at"] for change in changes)
    first = min(changes, key=order)
    everything = first["kind"] == "customer_deceased"
    after = [row for row in history.mailings if order(row) > order(first)]
    concerned = [
        row
        for row in after
        if everything
        or area(row, 1) in {area(change, 1) for change in changes} - {None}
        or (first["kind"] == "registry_closed" and "registry" in (history.trigger(row) or ""))
    ]
    return [str(len(concerned)), day(since)]


def _shared(finding: Finding, history: History, _: Row) -> Figures:
    decisions = [history.by_id[event] for event in finding.evidence if event not in finding.cause]
    mails = [row for row in decisions if row["kind"] == "message_sent"]
    first = min((history.by_id[event] for event in finding.cause), key=order)
    if finding.case != "hint":
        return [str(len(decisions)), str(len(mails)), day(first["occurred_at"])]
    areas = [area(row, 2) for row in history.acts if row["kind"] == "order_completed" and row["category"]]
    single = sum(areas.count(one) == 1 for one in set(areas)) - 1
    alone = [str(single)] if single else []
    return [str(len(mails)), day(first["occurred_at"]), str(len(areas) - 1), *alone]


def _sensitive(finding: Finding, history: History, _: Row) -> Figures:
    acts = [history.by_id[event] for event in finding.cause]
    rest = [history.by_id[event] for event in finding.evidence if event not in finding.cause]
    shown = sum(row["kind"] == "recommendation_shown" for row in rest)
    mails = sum(row["kind"] == "message_sent" for row in rest)
    own = [str(len(acts)), day(min(act["occurred_at"] for act in acts))] if acts else []
    return [*own, *(str(number) for number in (shown, mails) if number)]


def _sensitive_audience(finding: Finding, history: History, facts: Facts) -> Figures:
    got = facts.audiences.campaigns.filter(campaign=finding.subject)["recipients"].item()
    entries = sum(history.by_id[event]["kind"].startswith("segment_") for event in finding.cause)
    path = [str(number) for number in (len(finding.cause) - entries, entries) if number]
    return [str(got), *path, str(len(finding.messages))]


def _segment(finding: Finding, history: History, _: Row) -> Figures:
    entered = next(
        row
        for row in history.kind("segment_entered", "segment_snapshot")
        if row["segment_id"] == finding.subject
    )
    sent = [
        row
        for row in history.mailings
        if (history.trigger(row) or "").removeprefix("segment:") == finding.subject
        and row["occurred_at"] >= entered["occurred_at"]
    ]
    return [day(entered["occurred_at"]), *([str(len(sent))] if finding.check == "by-likeness" else [])]


def _unexplained(finding: Finding, history: History, limits: Row) -> Figures:
    if finding.case != "message":
        return _segment(finding, history, limits)
    about = [row for row in history.mailings if row["category"] == finding.subject]
    return [str(sum(row["event_id"] in finding.messages for row in about))]


def _shipment(finding: Finding, history: History, _: Row) -> Figures:
    goods = [
        row for row in history.orders if row["source"] == "inferred" and row["item_id"] == finding.subject
    ]
    return [day(goods[0]["occurred_at"])]


READ: dict[str, Callable[[Finding, History, Row], Figures]] = {
    "over-frequency": _over_frequency,
    "duplicate-message": _duplicate,
    "cart-after-purchase": _cart_bought,
    "cart-burst": _cart_burst,
    "browse-pursuit": _browse,
    "after-opt-out": _after_opt_out,
    "life-changed": _life_changed,
    "shared-account": _shared,
    "sensitive-inference": _sensitive,
    "by-likeness": _segment,
    "unexplained": _unexplained,
    "unrequested-shipment": _shipment,
    "declared-vs-observed": declared_rules.figures_of,
}

_BY_FACTS: dict[str, Callable[[Finding, History, Facts], Figures]] = {
    "repeat-after-purchase": _repeat,
    "ignored-streak": ignored,
    "sensitive-audience": _sensitive_audience,
}
