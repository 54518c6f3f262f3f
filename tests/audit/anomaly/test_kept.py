"""The background is a group fact: counted when first asked for, then kept beside the events."""

import pytest

from audit import background, fact_files
from tests.audit.anomaly.households import world


def test_it_is_counted_once_a_generation_and_read_back_as_it_was(tmp_path, monkeypatch):
    events = world().lazy()
    first = fact_files.of(tmp_path, "w-1", events)
    assert not fact_files.complete(tmp_path, "w-1")
    counted = first.usual
    _ = first.also_bought, first.bought_together
    assert fact_files.complete(tmp_path, "w-1")
    monkeypatch.setattr(background, "count", lambda _: pytest.fail("counted again"))
    kept = fact_files.of(tmp_path, "w-1", events).usual
    for name in ("places", "bursts", "hours", "accounts"):
        assert getattr(kept, name).equals(getattr(counted, name))


def test_a_new_generation_is_counted_anew(tmp_path):
    fact_files.of(tmp_path, "w-1", world(strange=False).lazy()).usual  # noqa: B018 - asked for, so that it is kept
    calm = fact_files.of(tmp_path, "w-1", world().lazy()).usual
    fresh = fact_files.of(tmp_path, "w-2", world().lazy()).usual
    assert not fresh.places.equals(calm.places)
