"""The background is a group fact: counted when first asked for, then kept beside the events."""

import pytest

from audit.population import basket_baseline, stats_store
from audit.workspace.workspace import Workspace
from tests.audit.findings.anomaly.households import world


def test_it_is_counted_once_a_generation_and_read_back_as_it_was(tmp_path, monkeypatch):
    events = world().lazy()
    first = stats_store.of(tmp_path / "facts" / "w-1", events)
    assert not stats_store.complete(tmp_path / "facts" / "w-1")
    counted = first.usual
    _ = first.also_bought, first.bought_together
    assert stats_store.complete(tmp_path / "facts" / "w-1")
    monkeypatch.setattr(basket_baseline, "count", lambda _: pytest.fail("counted again"))
    kept = stats_store.of(tmp_path / "facts" / "w-1", events).usual
    for name in ("places", "bursts", "hours", "accounts", "peaks"):
        assert getattr(kept, name).equals(getattr(counted, name))


def test_a_new_generation_is_counted_anew(tmp_path):
    stats_store.of(tmp_path / "facts" / "w-1", world(strange=False).lazy()).usual  # noqa: B018 - asked for, so that it is kept
    calm = stats_store.of(tmp_path / "facts" / "w-1", world().lazy()).usual
    fresh = stats_store.of(tmp_path / "facts" / "w-2", world().lazy()).usual
    assert not fresh.places.equals(calm.places)


def test_what_another_version_of_the_program_kept_is_counted_anew(tmp_path, monkeypatch):
    generation = Workspace.create(tmp_path / "ws").generation
    ours = generation.beside
    monkeypatch.setattr(stats_store, "counted_by", lambda: "another")
    assert generation.beside != ours
