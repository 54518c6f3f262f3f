"""Rules of every kind, as tables of the rule file, for properties."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from audit.errors import InputError
from audit.events.times import iso
from audit.rules.model import SCOPES, from_dict, kinds

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = texts.filter(str.strip)
some_names = st.lists(names, max_size=2)
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(iso)  # noqa: DTZ001
windows = st.sampled_from(("30m", "16h", "7d", "4w"))
_EVERY_KIND = {
    "title": texts,
    "note": texts,
    "enabled": st.booleans(),
    "declared": st.booleans(),
    "valid_from": times,
    "valid_until": times,
    "message_classes": st.sampled_from((["marketing"], ["marketing", "service"], ["transactional"])),
    **dict.fromkeys(SCOPES, some_names),
    **{f"except_{scope}": some_names for scope in SCOPES},
}
_NEEDED = {
    "exclude_event": {"events": st.lists(names, min_size=1, max_size=3)},
    "cooldown": {
        "window": st.one_of(windows, st.just("repurchase")),
        "after": st.sampled_from(("order_completed", ["order_completed", "product_viewed"])),
    },
    "sunset": {"unengaged": st.integers(1, 9)},
    "min_gap": {"window": windows},
    "frequency_cap": {"limit": st.integers(0, 9), "window": windows},
    "quiet_hours": {"quiet": st.sampled_from(("21:00-08:00", "00:00-23:59"))},
}
_OWN = {
    "consent": {"grace": windows},
    "cooldown": {"same": st.sampled_from(("item", "category", "campaign")), "depth": st.integers(1, 3)},
    "sunset": {"engagement": st.sampled_from(("click", "open"))},
    "min_gap": {"per": st.sampled_from((["channel"], ["customer", "campaign"]))},
    "frequency_cap": {
        "per": st.sampled_from((["channel"], ["customer", "campaign"])),
        "exempt_counts": st.booleans(),
        "on_fail": st.sampled_from(("drop", "defer")),
        "week_start": st.sampled_from(("monday", "sunday")),
    },
    "quiet_hours": {"time_zone": st.sampled_from(("UTC", "Europe/Berlin")), "on_fail": st.just("drop")},
}


def _possible(document):
    try:
        from_dict(document)
    except InputError:
        return False
    return True


def _of_kind(kind):
    needed = {"id": names, "kind": st.just(kind), **_NEEDED.get(kind, {})}
    return st.fixed_dictionaries(needed, optional={**_EVERY_KIND, **_OWN.get(kind, {})})


documents = st.sampled_from(kinds()).flatmap(_of_kind).filter(_possible)
"""Tables of a rule file that are taken."""

rule_sets = st.lists(documents, max_size=4, unique_by=lambda document: document["id"])
