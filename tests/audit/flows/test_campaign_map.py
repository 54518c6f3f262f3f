"""The campaign map: read with care, filled in without overwriting, and held against what is seen."""

import polars as pl
import pytest

from audit import ingest
from audit.errors import InputError
from audit.flows import campaign_map
from audit.queries import campaigns as queries
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import csv
from tests.build import events

MAP = """
[[campaign]]
campaign_id = "c1"
campaign_name = "Weekly"
category = "Beauty > Nails"
topics = ["nails", "care"]
message_class = "marketing"
trigger = "schedule"
list_id = "news"
sender = "Larkfield"
declared_cap = "3/7d"

[[campaign]]
match = "*sale*"
category = "Deals"
"""


def read(tmp_path, text):
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    return campaign_map.read(path)


def filled(tmp_path, *rows, text=MAP):
    return campaign_map.fill(events(*rows).lazy(), read(tmp_path, text)).collect()


def test_a_map_has_one_row_a_campaign(tmp_path):
    made = read(tmp_path, MAP)
    assert dict(made.schema) == campaign_map.SCHEMA
    assert made["topics"].to_list() == [["nails", "care"], None]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[[campaign]]\ncampaign_id = "a"\ncatgory = "x"\n',
            "campaign 1: unknown key 'catgory'; did you mean 'category'",
        ),
        ('[[campaign]]\ncategory = "x"\n', "give it a campaign_id, or a match"),
        (
            '[[campaign]]\ncampaign_id = "a"\n[[campaign]]\ncampaign_id = "a"\n',
            "campaign_id 'a' stands twice",
        ),
        ('[[campaign]]\ncampaign_id = "a"\nmessage_class = "promo"\n', "message_class is one of marketing"),
        ('[[campaign]]\ncampaign_id = "a"\ntopics = "nails"\n', "topics is a list of texts"),
        ("[[campaign]]\ncampaign_id = 7\n", "campaign_id is a text"),
        ('[[campaign]]\ncampaign_id = "a"\ndeclared_cap = "3 a week"\n', "such as 3/7d"),
        ("[[campaigns]]\n", "unknown table 'campaigns'"),
        ("", r"no \[\[campaign\]\] and no \[\[flow\]\] in it"),
        ("[[", "no TOML"),
    ],
)
def test_a_map_that_cannot_be_right_is_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, text)


def test_what_the_log_does_not_say_is_filled_in(tmp_path):
    event = filled(tmp_path, {"kind": "message_sent", "at": "2026-01-01", "campaign_id": "c1"}).row(
        0, named=True
    )
    assert event["trigger"] is None, "only the log can say what the sender recorded"
    assert {name: event[name] for name in campaign_map.FILLED} == {
        "campaign_name": "Weekly",
        "category": "Beauty > Nails",
        "topics": ["nails", "care"],
        "message_class": "marketing",
        "list_id": "news",
        "sender": "Larkfield",
    }


def test_what_the_log_says_stays(tmp_path):
    event = filled(
        tmp_path,
        {
            "kind": "message_sent",
            "at": "2026-01-01",
            "campaign_id": "c1",
            "category": "Own",
            "message_class": "service",
        },
    ).row(0, named=True)
    assert (event["category"], event["message_class"], event["sender"]) == ("Own", "service", "Larkfield")


@pytest.mark.parametrize("column", ["campaign_name", "subject"])
def test_a_match_fits_name_or_subject_whatever_the_case(tmp_path, column):
    made = filled(
        tmp_path,
        {"kind": "message_sent", "at": "2026-01-01", column: "Big SALE (today)"},
        {"kind": "message_sent", "at": "2026-01-02", column: "Hello"},
    )
    assert made["category"].to_list() == ["Deals", None]


def test_a_campaign_id_goes_before_a_match_and_signs_are_themselves(tmp_path):
    text = MAP + '\n[[campaign]]\nmatch = "a.c [x]?"\ncategory = "Signs"\n'
    made = filled(
        tmp_path,
        {"kind": "message_sent", "at": "2026-01-01", "campaign_id": "c1", "subject": "sale"},
        {"kind": "message_sent", "at": "2026-01-02", "subject": "a.c [x]!"},
        {"kind": "message_sent", "at": "2026-01-03", "subject": "abc x!"},
        text=text,
    )
    assert made["category"].to_list() == ["Beauty > Nails", "Signs", None]


def test_only_messages_are_filled_in_and_order_stays(tmp_path):
    rows = [
        {"kind": kind, "at": f"2026-01-0{day}", "campaign_id": "c1"}
        for day, kind in enumerate(("product_viewed", "message_opened", "ad_shown"), 1)
    ]
    made = filled(tmp_path, *rows)
    assert made["category"].to_list() == [None, "Beauty > Nails", None]
    assert made["event_id"].to_list() == ["e1", "e2", "e3"]


def test_campaigns_seen_are_counted_as_messages_mapped_or_not(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    ws = Workspace.create(tmp_path / "ws")
    rows = (
        "a,1,m1,c1,,",
        "b,1,m1,c1,,",
        "c,2,m1,c1,,",
        "d,1,m2,,Big sale,",
        "e,1,m3,c9,Other,",
        "f,1,m4,c9,Other,",
    )
    lines = [f"{row},2026-01-01,message_sent" for row in rows]
    header = "event_id,customer_id,message_id,campaign_id,campaign_name,subject,occurred_at,kind"
    ingest.import_paths(ws, [csv(tmp_path, *lines, header=header)])
    ws.set_map(read(tmp_path, MAP), None)

    volumes = campaign_map.volumes(ws.scan(), ws.campaigns)
    assert sorted(
        volumes.select("campaign_id", "campaign_name", "messages", "customers", "mapped").rows(), key=str
    ) == sorted(
        [("c1", "Weekly", 2, 2, True), ("c9", "Other", 2, 1, False), (None, "Big sale", 1, 1, True)], key=str
    )
    answer = queries.campaign_map(ws)
    assert (answer.mapped, answer.unmapped, answer.entries) == (2, 1, 2)


def test_an_empty_map_changes_nothing():
    frame = events({"kind": "message_sent", "at": "2026-01-01"})
    nothing = pl.DataFrame(schema=campaign_map.SCHEMA)
    assert campaign_map.fill(frame.lazy(), nothing).collect().equals(frame)


def test_a_row_alone_is_filled_as_a_frame_is(tmp_path):
    rows = [
        {
            "kind": kind,
            "campaign_id": campaign,
            "campaign_name": name,
            "subject": subject,
            "category": category,
        }
        for kind in ("message_sent", "order_completed")
        for campaign in ("c1", "c2", None)
        for name in ("Big SALE", None)
        for subject in ("a sale today", "news", None)
        for category in ("Own", None)
    ]
    fill = campaign_map.lookup(read(tmp_path, MAP))
    whole = filled(tmp_path, *rows).sort(pl.col("event_id").str.slice(1).cast(pl.Int64))
    for row, made in zip(rows, whole.iter_rows(named=True), strict=True):
        alone = fill(row)
        assert {name: alone.get(name) for name in campaign_map.FILLED} == {
            name: made[name] for name in campaign_map.FILLED
        }
