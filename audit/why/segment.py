"""Why a customer is in a segment: what others recorded, what our definition gives, what could be."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
from msgspec import structs

from audit import segments
from audit.errors import NotFoundError
from audit.events.purchases import ORDER, TAKEN_BACK, undone
from audit.events.schema import BEHAVIOUR
from audit.events.times import parse_iso
from audit.events.vocabulary import NOES, carries
from audit.segments import Definition
from audit.segments.contributions import contributions, fits, least, live, runs, says, spent, unit
from audit.segments.event_selection import READ, SelectedEvents
from audit.segments.logged import KINDS as LOGGED
from audit.segments.model import Condition
from audit.segments.transitions import HOLDS
from audit.why import counterfactual, data_sufficiency, expiry, reasons
from audit.why.counterfactual import Plan
from audit.why.model import Absence, Counterfactual, Explanation, Facts, Reason, Subject
from audit.why.related_acts import candidates
from audit.why.wording import Wording, day, kinds_in_words, quoted
from audit.workspace.context import Context

_ANY_ONE = ("first", "absent", "open")
"""Tests that every single one of their events is enough for."""

_STANDING = ("open", "state")
"""Tests of which it is known what holds them up now, whatever else is left out."""

_WEIGHED = ("count", "sum")
"""Tests that add up what their events weigh."""

_ANOTHER = "~another"
"""The item and the category of an event that is about nothing the customer knows."""

Row = dict[str, Any]


def segment(
    events: pl.DataFrame,
    context: Context,
    ident: str,
    *,
    memberships: pl.DataFrame | None = None,
) -> Explanation:
    """Explain why the customer of `events` is in the segment `ident` (its id in `show`, or as it was logged).

    `memberships`: all that the customer is in, where the caller has them already, as `segments.memberships` gives
    them. Raises NotFoundError if the customer is in no such segment at `context.at`.
    """
    row = _membership(events, context, ident, memberships)
    wording = Wording(undone(events))
    because = [*_recorded(events, row), *_derived(events, context, row, wording)]
    if not row["derived"] and row["standing"] != "stated":
        because += _could_be(events, context, row, wording)
    return Explanation(
        customer=row["customer_id"],
        at=context.at,
        subject=Subject("segment", row["id"], row["title"], row["since"]),
        standing=row["standing"],
        because=tuple(because),
        end=expiry.membership_end(row, _all_definitions(context)),
        counterfactual=reasons.told_by_kind(
            _counterfactual(events, context, row, wording),
            events,
            rests_on=row["evidence"],
            by_worth=any(condition.test == "sum" for condition in _resolved(context, row["id"])[0].when),
        )
        if row["derived"]
        else None,
        left_out=tuple(_left_out(events, context, row, wording)) if row["derived"] else (),
    )


def _membership(events: pl.DataFrame, context: Context, ident: str, memberships: pl.DataFrame | None) -> Row:
    """The row of the segment; only the definitions that can give it are evaluated first, as that is much faster."""
    rows = memberships
    if rows is None:
        concerning = segments.concerning(_all_definitions(context), ident)
        rows = segments.memberships(events, context, concerning)
    is_it = (pl.col("id") == ident) | (pl.col("logged_as") == ident)
    if rows.filter(is_it).is_empty() and memberships is None:
        rows = segments.memberships(events, context)
    membership = rows.filter(is_it)
    if membership.is_empty():
        ids = ", ".join(rows["id"]) or "none"
        raise NotFoundError(f"no segment {ident!r} of this customer at that time; there are: {ids}")
    return membership.row(0, named=True)


def _all_definitions(context: Context) -> tuple[Definition, ...]:
    return context.definitions or segments.definitions()


def _recorded(events: pl.DataFrame, row: Row) -> list[Reason]:
    """What the log says of it: since when, by whom, and why if it does."""
    if not row["logged"]:
        return []
    logged = events.filter(pl.col("event_id").is_in(row["logged_events"])).to_dicts()
    because = tuple(Reason(text, (logged[0]["event_id"],)) for text in _origin(row, logged[0]))
    causes = [entry["trigger"] or entry["reason"] for entry in logged if entry["trigger"] or entry["reason"]]
    says = f": {quoted(causes[-1])}" if causes and row["standing"] == "stated" else ""
    since = (
        f"in the export of {day(row['since'])}; since when it does not say"
        if row["of_export"]
        else f"since {day(row['since'])}"
    )
    text = f"the sender recorded {quoted(row['logged_as'])} {since}{says}"
    return [Reason(text, tuple(row["logged_events"]), because=because)]


def _origin(row: Row, entry: Row) -> Iterator[str]:
    """Who else it comes from, as the log's first row of it says."""
    if row["source"] == "third_party":
        name = f", {quoted(entry['source_name'])}" if entry["source_name"] else ""
        listed = "its list of {} has them in it" if entry["kind"] == "segment_snapshot" else "put in on {}"
        yield f"it came from a third party{name}: {listed.format(day(entry['occurred_at']))}"
    elif row["source"] == "inferred":
        yield "whoever recorded it had inferred it"


def _derived(events: pl.DataFrame, context: Context, row: Row, wording: Wording) -> list[Reason]:
    """What our definition says of it, the acts behind, and what did not happen."""
    if not row["derived"]:
        return []
    evidence = events.filter(pl.col("event_id").is_in(row["evidence"]))
    acts, definition = evidence.to_dicts()[::-1], _resolved(context, row["id"])[0]
    if definition.when[0].test == "share":
        because = _parts(evidence, definition.when[0], wording)
    else:
        because = _acts(acts, definition, row["id"].partition(":")[2], wording)
    if row["absent"]:
        absent = absence(row["absent"], context.at)
        because.append(Reason(_absent_in_words(absent, acts, wording), absent=absent))
    text = f"our definition gives it: {row['reason']}"
    return [Reason(text, tuple(row["evidence"]), because=tuple(because))]


def _absent_in_words(absent: Absence, acts: list[Row], wording: Wording) -> str:
    """`no orders or removals from the cart of Nail clipper since 2026-03-01`: of the things or lists that the membership rests on."""
    what = kinds_in_words(absent.kinds)
    if set(absent.kinds) <= set(NOES):
        named = " or ".join(map(quoted, absent.lists))
        what = f"opt-out or spam complaint for {f'{named}, or for ' if named else ''}everything,"
    elif absent.item_id is not None:
        things = list(dict.fromkeys(wording.thing(act) for act in acts))
        what += f" of {things[0] if len(things) == 1 else f'any of these {len(things)}'}"
    return f"no {what}{'' if absent.since is None else f' since {day(absent.since)}'}"


def _acts(acts: list[Row], definition: Definition, group: str, wording: Wording) -> list[Reason]:
    """The leaves of the acts that a definition rests on: orders where it asks for them, entries where they say where
    somebody is, else what was done with what.
    """
    if definition.looks_at_orders:
        return reasons.orders(wording, acts)
    columns = definition.when[0].columns
    if not (columns and definition.grouped):
        return reasons.grouped(wording, acts)
    by_kind: dict[str, list[Row]] = {}
    for act in acts:
        by_kind.setdefault(act["kind"], []).append(act)
    says = f"with the {columns[0].replace('_', ' ')} {group}"
    return [reasons.counted(wording, rows, says) for rows in by_kind.values()]


def _parts(evidence: pl.DataFrame, condition: Condition, wording: Wording) -> list[Reason]:
    """The leaves of a share: one by one what makes it, and one for all the others."""
    makes_it = carries(condition.keys).fill_null(value=False)
    part, others = (evidence.filter(which).to_dicts()[::-1] for which in (makes_it, ~makes_it))
    leaves = reasons.grouped(wording, part, "of these: ")
    if others:
        rest = reasons.counted(wording, others)
        leaves.append(structs.replace(rest, text=f"of the others: {rest.text}"))
    return leaves


def absence(recorded: str, at: datetime) -> Absence:
    """What did not happen until `at`, `recorded` as a membership's `absent`."""
    absent = json.loads(recorded)
    since = None if absent["since"] is None else parse_iso(absent["since"])
    return Absence(
        kinds=tuple(absent["kind"]),
        since=since,
        until=at,
        item_id=absent.get("item_id") or None,
        lists=tuple(absent.get("lists") or ()),
    )


def _could_be(events: pl.DataFrame, context: Context, row: Row, wording: Wording) -> list[Reason]:
    """What the customer did that could be behind a segment which nobody gives a reason for."""
    entry = events.filter(pl.col("event_id") == row["logged_events"][0]).row(0, named=True)
    words = str(entry["segment_id"]).replace("-", " ").replace(":", " ").replace("_", " ")
    acts = candidates(events.filter(pl.col("kind").is_in(BEHAVIOUR)), entry | {"subject": words})
    if acts.height and row["standing"] == "inferred":
        return reasons.could_be(wording, acts)
    covered, text = data_sufficiency.of_a_message(context.coverage, entry["occurred_at"])
    absent = reasons.absent(data_sufficiency.kinds(), None, entry)
    if row["source"] == "third_party":
        own = "no act of the customer's own is behind it"
        text = own if covered else f"whether an act of the customer's own is behind it, {text}"
    return [Reason(text, absent=absent, facts=Facts(covered=covered))]


def _left_out(events: pl.DataFrame, context: Context, row: Row, wording: Wording) -> Iterator[Reason]:
    """What our definition looks at, too old or overtaken by something newer."""
    definition, *_ = _resolved(context, row["id"])
    read = _readable(events, definition)
    acts = segments.excluded_events(read, context, definition, row["id"], row["evidence"])
    return reasons.excluded(events, acts, wording, by_order=definition.looks_at_orders)


def _resolved(context: Context, ident: str) -> tuple[Definition, ...]:
    """The definition that gives a segment and those that divide it further, with the numbers that the facts put in."""
    return segments.concerning(segments.resolved(_all_definitions(context), context.facts), ident)


def _counterfactual(
    events: pl.DataFrame, context: Context, row: Row, wording: Wording
) -> Counterfactual | None:
    ident = row["id"]
    definition, *finer = _resolved(context, ident)
    read = _readable(events, definition, *finer)

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        derived = segments.derive(copies, context, (definition, *finer)).filter(pl.col("segment_id") == ident)
        return dict(derived.select("customer_id", "evidence").iter_rows())

    added = None
    if row["absent"]:
        newest = events.filter(pl.col("event_id").is_in(row["evidence"])).row(-1, named=True)
        kind = absence(row["absent"], context.at).kinds[0]
        of_the_same = {name: newest[name] for name in ("item_id", "category")}
        of_nothing, of_another, of_it = (
            counterfactual.event(events, kind=kind, occurred_at=context.at, **about)
            for about in ({}, dict.fromkeys(of_the_same, _ANOTHER), of_the_same)
        )
        any_will_do = counterfactual.ends_with(read, decide, of_another)
        added = counterfactual.first_ending(read, decide, [of_nothing, of_it] if any_will_do else [of_it])
    removed = counterfactual.removal(
        read,
        decide,
        keep=row["logged_events"] or (),
        plans=_plans(read, definition, ident.partition(":")[2], context),
        likely=row["evidence"],
    )
    proof = counterfactual.from_trials(removed, added, "our definition would not have given this segment")
    if proof is None:
        return None
    return structs.replace(proof, besides=reasons.besides(wording, proof.remove, row["evidence"], events))


def _readable(events: pl.DataFrame, *definitions: Definition) -> pl.DataFrame:
    """The rows and columns of `events` that the definitions can read."""
    conditions = [condition for definition in definitions for condition in definition.when]
    if any("daypart" in condition.by for condition in conditions):  # any row may say where the customer is
        return events.select(READ)
    kinds = {kind for condition in conditions for kind in (*condition.events.kinds, *condition.ends)}
    undoing = TAKEN_BACK if ORDER in kinds else ()
    return events.filter(pl.col("kind").is_in([*kinds, *undoing, *LOGGED])).select(READ)


def _plans(events: pl.DataFrame, definition: Definition, group: str, context: Context) -> tuple[Plan, ...]:
    """How each condition of `definition` ends in `group`; none at all where only trying can tell.

    Of something that any one act is enough for, all acts have to go. Of what is counted or summed up, the heaviest go
    first, so that as few as possible go; of a share, those that make it. Where one condition is enough, whatever is
    enough for any has to go.
    """
    alternatives = definition.any_of and len(definition.when) > 1
    plannable = _STANDING if alternatives else (*_ANY_ONE, *_WEIGHED, "state", "share")
    if not all(condition.test in plannable for condition in definition.when):
        return ()
    selected = SelectedEvents(events, context.at, context.facts.prices, context.models, context.coverage)
    by_condition = tuple(_plan(selected, condition, group, context.at) for condition in definition.when)
    if not alternatives:
        return by_condition
    enough = dict.fromkeys(event for plan in by_condition for event in plan.order)
    return (Plan(tuple(enough), alone=True),)


def _plan(selected: SelectedEvents, condition: Condition, group: str, at: datetime) -> Plan:
    if condition.test == "open":
        return Plan(_ids(selected, contributions(selected, condition).filter(live(at))), alone=True)
    if condition.test == "state":  # the newest row stands, and so would each of the same run before it
        stated = says(selected.grouped(condition), condition)
        run = runs() if condition.by else (~fits(condition)).cum_sum()
        newest_run = stated.filter(run == run.max(), *([] if condition.by else [fits(condition)]))
        return Plan(_ids(selected, newest_run), alone=True)
    rows = selected.grouped(condition).filter(pl.col("group") == group)
    if condition.test in _ANY_ONE:
        return Plan(_ids(selected, rows), alone=True)
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "share":
        return _of_share(selected, rows, condition)
    ordered = _lightest_first(rows, condition)
    return Plan(_ids(selected, ordered), alone=False, stay=_can_stay(ordered, condition))


def _of_share(selected: SelectedEvents, rows: pl.DataFrame, condition: Condition) -> Plan:
    """Of those that make the share as few as possible go; the others would only make it larger by going."""
    part = rows.filter(carries(condition.keys)).sort("row")
    stays = pl.DataFrame({"part": range(part.height + 1)}).with_columns(
        value=pl.col("part") + rows.height - part.height, least=least(condition), share=condition.share
    )
    stay = stays.filter(~HOLDS)["part"].max()
    assert isinstance(stay, int), "a share above 0 is not reached by nothing"
    return Plan(_ids(selected, part), alone=False, stay=stay)


def _can_stay(rows: pl.DataFrame, condition: Condition) -> int:
    """How many of `rows`, in this order, can stay without what they add reaching what the condition asks for."""
    if condition.test == "sum":
        short = rows.select((spent().cum_sum() < least(condition)).alias("short"))["short"]
        return int(short.arg_min() or 0) if not short.all() else rows.height
    if condition.things == "event":
        return least(condition) - 1
    return int((rows["unit"].rle_id() < least(condition) - 1).sum())


def _lightest_first(rows: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    """Rows in the order in which they can stay: by what they add, or by how many rows make one order, item or day."""
    if condition.test == "sum":
        worth = pl.col("quantity").fill_null(1.0) * pl.col("price")
        return rows.drop_nulls("price").sort(worth, "row")
    if condition.things == "event":
        return rows.sort("row")
    units = rows.with_columns(unit(condition.things).alias("unit")).drop_nulls("unit")
    return units.sort(
        pl.len().over("unit"), pl.col("row").min().over("unit"), "row", descending=[True, False, False]
    )


def _ids(selected: SelectedEvents, rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(selected.described(rows.select("row"))["event_id"])
