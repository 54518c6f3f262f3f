"""The words of events mean the same in Python and in polars, and in compiled code."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from audit.events import vocabulary as v
from audit.events.messages import sent_messages
from audit.events.schema import CONSENT, SCHEMA, TIME
from audit.rules.kernel import clocks, consent, layout

TEXT = st.sampled_from([None, "a", "b", "A"])
CLASSES = st.sampled_from([None, "", "marketing", "service", "transactional"])
TOPICS = st.none() | st.lists(st.sampled_from(["x", "y", "z"]), max_size=2)
MOMENT = st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in range(3)])
ROW = {
    "campaign_id": pl.String(), "campaign_name": pl.String(), "subject": pl.String(), "message_class": pl.String(),
    "machine": pl.Boolean(), "at": TIME, "id": pl.String(), "other_at": TIME, "other_id": pl.String(),
    "act": pl.String(), "message": pl.String(), "act_topics": pl.List(pl.String()), "topics": pl.List(pl.String()),
}  # fmt: skip
ROWS = st.lists(
    st.tuples(TEXT, TEXT, TEXT, CLASSES, st.none() | st.booleans(), MOMENT, st.sampled_from("ab"), MOMENT,
        st.sampled_from("ab"), TEXT, TEXT, TOPICS, TOPICS),
    min_size=1, max_size=30,
)  # fmt: skip


@given(ROWS)
def test_each_word_means_the_same_of_a_row_and_of_a_frame(rows: list[tuple]) -> None:
    frame = pl.DataFrame(rows, schema=ROW, orient="row").select(
        v.campaign_expr().alias("campaign"),
        v.class_expr().alias("class"),
        v.is_marketing_expr().alias("marketing"),
        v.is_human_expr().alias("human"),
        v.comes_before_expr("at", "id", "other_at", pl.col("other_id")).alias("before"),
        v.covers_expr("act", "message").alias("covers"),
        v.may_cover_expr("act", pl.col("message")).alias("may_cover"),
        v.shares_topic_expr("act_topics", "topics").alias("topic"),
    )
    assert frame.rows() == [
        (
            v.campaign_of(campaign_id, campaign_name),
            v.class_of(message_class),
            v.is_marketing(message_class),
            v.is_human(machine),
            v.comes_before(at, event_id, other_at, other_id),
            v.covers(act, message),
            message is None or v.covers(act, message),
            v.shares_topic(act_topics, topics),
        )
        for campaign_id, campaign_name, _, message_class, machine, at, event_id, other_at, other_id, act, message,
        act_topics, topics in rows
    ]  # fmt: skip


NAMES = st.sampled_from([None, None, "a", "b"])
SCOPES = st.builds(v.Scope, NAMES, NAMES, NAMES, TOPICS)


@given(st.lists(st.tuples(SCOPES, SCOPES), min_size=1, max_size=20))
def test_whether_an_act_bears_on_a_message_is_one_answer(pairs: list[tuple[v.Scope, v.Scope]]) -> None:
    rows = [(*act, *message) for act, message in pairs]
    schema = {f"{of}{name}": SCHEMA[name] for of in ("act_", "") for name in v.SCOPE}
    frame = pl.DataFrame(rows, schema=schema, orient="row").select(
        bears=v.bears_on_expr(), may_bear=v.may_bear_on_expr()
    )
    assert frame["bears"].to_list() == [v.bears_on(*pair) for pair in pairs]
    for (act, message), may_bear in zip(pairs, frame["may_bear"], strict=True):
        filled = message._replace(**{name: getattr(message, name) or getattr(act, name) for name in v.SCOPE})
        assert may_bear == v.bears_on(act, filled)
        if v.is_of_unnamed_list(act, message):
            assert may_bear and not v.bears_on(act, message)


SAID = st.tuples(
    st.sampled_from([*v.NOES, *v.OPT_INS, "product_viewed"]),
    st.none() | st.booleans(),
    st.sampled_from([None, "m0", "m1", "m9"]),
    SCOPES,
)


@given(st.lists(SAID, max_size=8), st.lists(SCOPES, min_size=2, max_size=2))
def test_a_complaint_goes_by_its_message_where_that_is_known(
    said: list[tuple], of_messages: list[v.Scope]
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = [("message_sent", None, f"m{number}", scope) for number, scope in enumerate(of_messages)]
    columns = ("customer_id", "event_id", "occurred_at", "kind", "machine", "message_id", *v.SCOPE)
    rows = [
        ("c", f"e{number}", now, kind, machine, message_id, *scope)
        for number, (kind, machine, message_id, scope) in enumerate([*made, *said])
    ]
    frame = pl.DataFrame(rows, schema={name: SCHEMA[name] for name in columns}, orient="row")
    placed = v.with_addresses(frame, sent_messages(frame))
    assert placed.columns == frame.columns
    scopes = {f"m{number}": scope for number, scope in enumerate(of_messages)}
    for row, (kind, machine, message_id, scope) in zip(placed.to_dicts()[2:], said, strict=True):
        expected = v.addressed(kind, scope, scopes.get(message_id))
        assert v.Scope(*(row[name] for name in v.SCOPE)) == expected
        assert placed.filter(event_id=row["event_id"]).select(v.says_no_expr()).item() == v.says_no(
            kind, machine
        )


def test_a_campaign_is_its_id_then_its_name_then_what_the_question_takes_instead() -> None:
    frame = pl.DataFrame([("c", "n", "s"), (None, "n", "s"), (None, None, "s")], schema=["campaign_id", "campaign_name", "subject"], orient="row")  # fmt: skip
    assert frame.select(v.campaign_expr("subject")).to_series().to_list() == ["c", "n", "s"]
    assert v.campaign_of(None, None) is None


def test_what_is_no_opt_out_and_no_opt_in_is_neither() -> None:
    assert set(v.OPT_OUTS) | set(v.OPT_INS) == set(CONSENT) - {"consent_prompted", "privacy_signal"}
    assert not set(v.OPT_OUTS) & set(v.OPT_INS)
    assert {"campaign_id", "campaign_name", "message_class", "machine"} <= set(SCHEMA)


def test_compiled_code_means_the_same() -> None:
    spans = [clocks.longest.py_func(unit) for unit in range(len(v.LONGEST_UNIT))]
    assert spans == [span // timedelta(microseconds=1) for span in v.LONGEST_UNIT.values()]
    refusals = {
        kind
        for kind, stance in consent._STANCE.items()
        if stance in {layout.OPT_OUT, layout.CONSENT_WITHDRAWN}
    }
    assert refusals == set(v.NOES)
    assert consent._STANCE.keys() - refusals == set(v.OPT_INS)


def test_a_no_is_in_force_where_the_newest_that_bears_on_the_message_is_one() -> None:
    mail = {"channel": "email", "sender": None, "list_id": "A", "topics": None}
    no = {"kind": "unsubscribed", **mail}
    other_list, unnamed = {**no, "list_id": "B"}, {**no, "sender": "Shop"}
    yes = {"kind": "subscribed", **mail}
    assert v.no_in_force([no, other_list], mail)
    assert v.no_in_force([no, {**yes, "sender": "Shop"}], mail), "of whom the mail is, nobody can tell"
    assert not v.no_in_force([no, yes], mail)
    assert not v.no_in_force([unnamed, other_list], mail)
    assert not v.no_in_force([], mail)
