"""Consent, sensitive, exclude_event and sunset beside a second evaluator: a sentence of the contract a line."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.events.schema import in_order
from audit.rules.model import from_dict
from audit.rules.replay import simulation
from tests.audit.rules.build import causes, engaged
from tests.build import context, events

START = datetime(2026, 10, 24, 12, tzinfo=UTC)
STEP = timedelta(hours=6)
"""Histories lie on a grid of this, now and then a microsecond beside it, so that ties and edges of grace are met."""

NO, YES = ("unsubscribed", "objected", "consent_withdrawn"), ("subscribed", "consent_given")

moments = st.builds(
    lambda steps, ticks: START + steps * STEP + timedelta(microseconds=ticks),
    st.integers(0, 12),
    st.sampled_from((0, 0, 0, 1, -1)),
)
topics = st.sampled_from((None, (), ("health",), ("health", "belief"), ("sport",)))
channels = st.sampled_from(("email", "email", "push", None))
senders = st.sampled_from((None, None, "Books", "Sport"))
names = st.text("ab", min_size=1, max_size=6)

messages = st.fixed_dictionaries(
    {
        "kind": st.just("message_sent"), "at": moments, "channel": channels, "sender": senders, "topics": topics,
        "message_id": st.sampled_from((None, "m1", "m2", "m3", "m4", "m5")),
        "campaign_id": st.sampled_from(("news", "cart", None)),
        "message_class": st.sampled_from(("marketing", "marketing", "marketing", "transactional", None)),
    }
)  # fmt: skip
said = st.fixed_dictionaries(
    {
        "kind": st.sampled_from((*NO, *YES)),
        "at": moments,
        "channel": channels,
        "sender": senders,
        "topics": topics,
    }
)
responses = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("message_clicked", "message_opened")), "at": moments, "channel": channels,
        "message_id": st.sampled_from((None, "m1", "m2", "m3", "m4", "m5")),
        "machine": st.sampled_from((None, True, False)),
    }
)  # fmt: skip
orders = st.fixed_dictionaries({"kind": st.just("order_completed"), "at": moments})


def histories(*rows, most=16):
    """Events of these sorts, each with a name of its own."""
    mixed = st.lists(
        st.tuples(st.one_of(*rows), names), min_size=1, max_size=most, unique_by=lambda one: one[1]
    )
    made = mixed.map(lambda some: [{**row, "event_id": name} for row, name in some])
    return made.filter(lambda some: any(row["kind"] == "message_sent" for row in some))


def place(row):
    return row["at"], row["event_id"]


def sent(history):
    """The messages, once per message_id: the first row in order stands for it."""
    seen, kept = set(), []
    for row in sorted((row for row in history if row["kind"] == "message_sent"), key=place):
        key = row["message_id"] or ("row", row["event_id"])
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def bears(act, message):
    return (
        act["channel"] in (None, message["channel"])
        and act["sender"] in (None, message["sender"])
        and (not act["topics"] or bool(set(act["topics"]) & set(message["topics"] or ())))
    )


def consent(rule, message, history, _):
    before = [row for row in history if row["kind"] in (*NO, *YES) and place(row) < place(message)]
    acts = sorted((row for row in before if bears(row, message)), key=place)
    grace = timedelta(hours=6 * rule["steps"])
    for act in acts:
        later_yes = any(row["kind"] in YES and place(row) > place(act) for row in acts)
        if act["kind"] in NO and act["at"] <= message["at"] - grace and not later_yes:
            return [act["event_id"]]
    return None


def sensitive(_, message, history, why):
    for topic in why[message["event_id"]][1]:
        acts = [
            row for row in history
            if place(row) < place(message)
            and row.get("channel") in (None, message["channel"])
            and row.get("sender") in (None, message["sender"])
        ]  # fmt: skip
        given = [row for row in acts if row["kind"] == "consent_given" and topic in (row["topics"] or ())]
        ended = [
            row for row in acts
            if row["kind"] == "consent_withdrawn" and (not row["topics"] or topic in row["topics"])
        ]  # fmt: skip
        in_force = [one for one in given if not any(place(row) > place(one) for row in ended)]
        if not in_force:
            return []
    return None


def exclude_event(rule, message, _, why):
    known = why[message["event_id"]][0]
    return [] if known and all(one in rule["events"] for one in known) else None


def sunset(rule, message, history, passed):
    kind = {"click": "message_clicked", "open": "message_opened"}[rule["engagement"]]
    human = [row for row in history if row["kind"] == kind and row["machine"] is not True]
    if not any(channel_of(row, history) == message["channel"] for row in human):
        return None
    counted = [
        row for row in passed
        if row["message_class"] != "transactional" and row["campaign_id"] == message["campaign_id"]
    ] if "campaign" in rule["per"] else [row for row in passed if row["message_class"] != "transactional"]  # fmt: skip
    last = counted[len(counted) - rule["unengaged"] :] if len(counted) >= rule["unengaged"] else None
    if last is None:
        return None
    for row in history:
        inside = place(last[0]) < place(row) < place(message)
        if row["kind"] == "order_completed" and inside:
            return None
    ids = {row["message_id"] for row in last} - {None}
    if any(row["message_id"] in ids and place(row) < place(message) for row in human):
        return None
    return [row["event_id"] for row in last]


def channel_of(response, history):
    if response["channel"] is not None:
        return response["channel"]
    return next(
        (row["channel"] for row in sent(history) if response["message_id"] == row["message_id"] is not None),
        None,
    )


def oracle(history, rules, why):
    """event_id → (decision, failing rules, counted)."""
    passed, made = [], {}
    for message in sent(history):
        if message["message_class"] == "transactional":
            made[message["event_id"]] = ("exempt", [], [])
            passed.append(message)
            continue
        failing = []
        for rule in rules:
            if "campaign" in rule.get("per", ()) and message["campaign_id"] is None:
                continue
            known = passed if rule["kind"] == "sunset" else why
            counted = globals()[rule["kind"]](rule, message, history, known)
            if counted is not None:
                failing.append((rule["id"], counted))
        if not failing:
            passed.append(message)
        decision = "stop" if failing else "allow"
        made[message["event_id"]] = (
            decision,
            [name for name, _ in failing],
            failing[0][1] if failing else [],
        )
    return made


def run(history, rules, why):
    frame = in_order(events(*history))
    known = context(frame, facts=engaged(*history))
    documents = [from_dict({key: value for key, value in rule.items() if key != "steps"}) for rule in rules]
    decisions = simulation.simulate(frame, documents, known, causes=causes(**why)).decisions
    return {
        row["event_id"]: (row["decision"], row["failing_rules"], row["counted"])
        for row in decisions.iter_rows(named=True)
    }


consents = st.integers(0, 4).map(lambda n: {"id": "no", "kind": "consent", "grace": f"{6 * n}h", "steps": n})
sunsets = st.builds(
    lambda unengaged, engagement, per: {
        "id": "sunset", "kind": "sunset", "unengaged": unengaged, "engagement": engagement, "per": per,
    },
    st.integers(1, 3), st.sampled_from(("click", "open")), st.sampled_from((["customer"], ["campaign"])),
)  # fmt: skip
excludes = st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(
    lambda some: {"id": "out", "kind": "exclude_event", "events": some}
)
reasons = st.tuples(
    st.lists(st.sampled_from("abc"), max_size=2, unique=True),
    st.lists(st.sampled_from(("health", "belief")), max_size=2, unique=True),
)
SENSITIVE = {"id": "private", "kind": "sensitive"}


@settings(max_examples=25, deadline=None)
@given(histories(messages, said), consents)
def test_a_consent_rule_decides_as_the_contract_written_down_naively(history, rule):
    assert run(history, [rule], {}) == oracle(history, [rule], {})


@settings(max_examples=25, deadline=None)
@given(histories(messages, messages, responses, orders), sunsets)
def test_a_sunset_decides_as_the_contract_written_down_naively(history, rule):
    assert run(history, [rule], {}) == oracle(history, [rule], {})


@settings(max_examples=25, deadline=None)
@given(histories(messages, said), st.data())
def test_a_sensitive_rule_decides_as_the_contract_written_down_naively(history, data):
    why = {row["event_id"]: data.draw(reasons) for row in sent(history)}
    assert run(history, [SENSITIVE], why) == oracle(history, [SENSITIVE], why)


@settings(max_examples=25, deadline=None)
@given(histories(messages, messages, said, responses, orders), st.data())
def test_all_of_them_together_decide_as_the_contract_written_down_naively(history, data):
    why = {row["event_id"]: data.draw(reasons) for row in sent(history)}
    rules = [data.draw(consents), SENSITIVE, data.draw(excludes), data.draw(sunsets)]
    kept = [rule for rule in rules if data.draw(st.booleans())]
    if kept:
        assert run(history, kept, why) == oracle(history, kept, why)
