"""The documents about segments: reconciliation, definitions, memberships over time, in a workspace."""

from datetime import UTC, datetime

import polars as pl
import pytest

from audit.errors import InputError, NotFoundError
from audit.ingest import import_paths
from audit.privacy.roles import Role, Viewer
from audit.queries import reconcile, segment_documents
from audit.segments import versions
from audit.workspace.workspace import Workspace
from fixtures import scenes as told

OWN = """
[[segment]]
id = "lapsed"
title = "Gone quiet"
basis = "behavioral"
purpose = "personalize.content.profiled"
source = "ours"
reason = "{last}"
[[segment.when]]
test = "absent"
kinds = ["order_completed"]
window = "90d"
"""


@pytest.fixture(scope="module")
def ws(scenes):
    return Workspace.open(scenes)


def test_the_list_holds_every_disagreement_of_what_the_log_has(ws):
    answer = reconcile.reconcile(ws, limit=10_000).to_json()
    logs = {one["segment"] for one in answer["segments"] if one["logs_it"]}
    assert logs
    assert (
        answer["disagreements"]
        == len(answer["listed"])
        == sum(
            one["logged_only"] + one["derived_only"]
            for what in ("segments", "strips")
            for one in answer[what]
            if one["logs_it"]
        )
    )
    assert {one["id"] for one in answer["listed"] if one["what"] == "segment"} <= logs


def test_a_shortened_list_says_how_many_there_are(ws):
    answer = reconcile.reconcile(ws, limit=1).to_json()
    assert len(answer["listed"]) == 1 < answer["disagreements"]


def test_one_segment_alone(ws):
    answer = reconcile.reconcile(ws, segment="expecting-parents").to_json()
    (one,) = answer["segments"]
    assert (one["segment"], one["both"], one["logged_only"], answer["strips"]) == (
        "expecting-parent",
        1,
        2,
        [],
    )
    assert {row["reason"] for row in answer["listed"]} == {"no_act"}


def test_who_may_not_name_a_sensitive_topic_reads_no_name_and_finds_none_by_guessing(ws):
    agent = Workspace.open(ws.path, Viewer(Role.AGENT, "4711"))
    answer = reconcile.reconcile(agent, limit=10_000).to_json()
    assert "expecting" not in str(answer)
    with pytest.raises(NotFoundError):
        reconcile.reconcile(agent, segment="expecting-parent")
    mother = segment_documents.history(agent, "scene-03-expecting-mother").to_json()
    assert "expecting" not in str(mother).replace("scene-03-expecting-mother", "").lower()
    assert "expecting" not in str(segment_documents.definitions(agent).to_json()).lower()


def test_one_that_neither_side_has_is_not_found_and_the_nearest_named(ws):
    with pytest.raises(NotFoundError, match="did you mean 'lapsed'"):
        reconcile.reconcile(ws, segment="lapsde")


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "w"
    file = tmp_path / "e.parquet"
    told.events().filter(pl.col("customer_id") == "scene-01-nail-clipper").write_parquet(file)
    made = Workspace.create(folder, synthetic=True)
    import_paths(made, [file])
    return made


def versions_of(ws, segment):
    return [row[2] for row in versions.in_force(ws.definition_record).iter_rows() if row[0] == segment]


def test_a_workspace_has_definitions_of_its_own_and_keeps_which_were_in_force(own, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(OWN, "utf-8")
    before = own.definitions
    assert segment_documents.define(own, file) == 1
    again = Workspace.open(own.path)
    lapsed = next(one for one in again.definitions if one.id == "lapsed")
    assert lapsed.title == "Gone quiet"
    assert again.context().definitions == again.definitions
    assert len(versions_of(again, "lapsed")) == 2
    assert versions_of(again, "lapsed")[-1] == lapsed.version
    assert segment_documents.define(again, None) == 0
    assert again.definitions == before
    assert len(versions_of(again, "lapsed")) == 3


def test_the_same_definitions_again_are_no_new_version(own):
    own.set_definitions(OWN)
    own.set_definitions(OWN)
    assert own.definition_record.height == 2


def test_bad_definitions_change_nothing(own, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace("window", "windw"), "utf-8")
    with pytest.raises(
        InputError, match=r"own\.toml: segment lapsed: windw: unknown 'windw'; did you mean 'window'"
    ):
        segment_documents.define(own, file)
    assert Workspace.open(own.path).definition_record.height == 1


def test_a_membership_says_which_version_was_in_force_then_and_null_before_the_record(own):
    spells = segment_documents.history(own, "scene-01-nail-clipper").to_json()["spells"]
    ours = [one for one in spells if one["side"] == "derived"]
    assert ours
    assert all(one["in_force"] is None for one in ours)
    early = versions.RECORD, datetime(2020, 1, 1, tzinfo=UTC)
    record = own.definition_record.with_columns(pl.lit(early[1], early[0]["since"]).alias("since"))
    own.generation.__dict__["definition_record"] = record
    spells = segment_documents.history(own, "scene-01-nail-clipper").to_json()["spells"]
    assert all(one["in_force"] == one["version"] for one in spells if one["side"] == "derived")


def test_what_was_learned_is_kept_with_the_workspace_until_it_is_taken_away(own):
    from audit.segments.models import Lifetime, Models

    models = Models(lifetime=Lifetime(1.0, 40.0, 0.3, 3.0, 3.0, 4.0, 30.0, least=20.0, days=365, people=60))
    own.set_models(models)
    again = Workspace.open(own.path)
    assert again.models == models
    assert again.context().models == models
    (one,) = [
        row
        for row in segment_documents.definitions(again).to_json()["definitions"]
        if row["id"] == "lifetime-value"
    ]
    assert (one["basis"], one["own"]) == ("value", False)
    assert segment_documents.learn(again, take_away=True) is None
    assert [(one.act, one.subject) for one in again.log.entries()][-1] == ("learn", "segments")
    assert Workspace.open(own.path).models is None


def test_a_workspace_of_few_teaches_nothing_and_is_left_as_it_was(own):
    with pytest.raises(InputError, match="too few customers"):
        segment_documents.learn(own)
    assert Workspace.open(own.path).models is None
