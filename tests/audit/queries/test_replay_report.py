"""The pages of a replay and of a curve: what they say, that they call nobody, that hostile names stay text."""

import html.parser
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import msgspec
import pytest

from audit.queries import reports
from audit.queries.reports import chart
from audit.queries.reports.replay_report import WHAT_IT_IS
from audit.rules import vendor_semantics
from audit.rules.model import from_dict
from audit.rules.replay import curve as sweep
from audit.rules.replay.curve import curve
from audit.rules.vendor_semantics import preset_comparison
from tests.audit.rules.build import act, cap, message, replayed
from tests.build import context, events

HOSTILE = "<script>alert(1)</script>\x1b[2J|`x`"
ROWS = [
    message("2026-01-05T10:00", message_id="m1", campaign_id=HOSTILE, item_id="7"),
    message("2026-01-06T10:00", message_id="m2", campaign_id="cart", item_id="7"),
    message("2026-01-07T10:00", message_id="m3", item_id="7"),
    act("message_clicked", "2026-01-06T11:00", message_id="m2"),
    act("order_completed", "2026-01-07T12:00", item_id="7"),
]
COVERED = "data: orders to 7 Jan"
RULE = cap(1, "7d", id=HOSTILE.replace("\x1b[2J", ""))


def replay_page(form, *, preset=None):
    told = replayed(ROWS, RULE).document()
    if preset is not None:
        frame = events(*ROWS)
        beside = preset_comparison.compare(
            frame.lazy(), [from_dict(RULE)], vendor_semantics.preset(preset), context(frame)
        )
        told = preset_comparison.ComparedReplay(**msgspec.structs.asdict(told), preset=beside)
    return reports.replay(told, covered=COVERED).written(form)


def swept(**over):
    frame = events(*ROWS)
    sets = sweep.variants([from_dict(RULE)], RULE["id"], **(over or {"limits": [1, 2, 3]}))
    return sweep.document(RULE["id"], (point.totals() for point in sweep.sweep(frame, sets, context(frame))))


def sweep_page(form):
    return reports.sweep(swept(), covered=COVERED).written(form)


PAGES = {"replay": lambda form: replay_page(form, preset="braze"), "sweep": sweep_page}


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("form", ["md", "html"])
def test_a_page_says_what_it_is_and_what_the_data_covers(page, form):
    made = PAGES[page](form)
    assert WHAT_IT_IS.split(":")[0] in made
    assert COVERED.split(":")[1] in made


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_nothing_and_calls_nobody(page):
    made = PAGES[page]("html")
    tags = Tags()
    tags.feed(made)
    assert not tags.seen & {"script", "link", "img", "iframe", "image", "use", "foreignobject", "a"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in {"src", "href", "style"}}
    assert "url(" not in made
    assert "default-src 'none'" in made
    assert "\x1b" not in made


@pytest.mark.parametrize("page", PAGES)
def test_names_in_markdown_stay_names(page):
    made = PAGES[page]("md")
    assert "<script>" not in made
    rows = [line for line in made.splitlines() if line.startswith("| ")]
    assert rows
    assert (
        len({len(re.findall(r"(?<!\\)\|", line)) for line in rows if "alert" in line or "limit" in line}) <= 2
    )


def test_the_replay_page_tells_totals_rates_and_who_displaced_whom():
    made = replay_page("md")
    assert "- stopped: 2 (66.7 %)" in made
    assert "- wanted, among the stopped: 0 opened, 1 responded to, 1 followed by an order" in made
    assert "| responded to | 1 of 2 · 50.0 % (9.5–90.5) | 0 of 1 · 0.0 % (0.0–79.3) |" in made
    assert "| complained | unknown | unknown | unknown |" in made
    assert "2 of 2 pairs" in made
    assert "| (no campaign) | 1 |" in made


def test_the_replay_page_sets_the_sender_beside_the_exact_rules():
    made = replay_page("md", preset="adobe-journey-optimizer")
    assert "## As Adobe Journey Optimizer would carry it out" in made
    assert "0 of 3 decisions differ" in made
    assert "1 in 7d → 1 a calendar week, from Sunday, UTC" in made


def test_the_curve_page_has_its_numbers_in_a_table_and_in_words():
    made = sweep_page("md")
    assert "| limit | messages stopped, of 3 | responses lost, of 1 | orders lost, of 1 |" in made
    assert "| 1 | 2 · 66.7 % (20.8–93.9) | 1 · 100.0 % (20.7–100.0) | 1 · 100.0 % (20.7–100.0) |" in made
    assert "Messages stopped: from 66.7 % (2 of 3) at limit 1 to 0.0 % (0 of 3) at 3." in made


def test_the_picture_is_one_element_that_is_told_in_words_and_marks_every_point():
    drawn = curve(swept())
    picture = ET.fromstring(chart.svg(drawn))
    assert picture.get("role") == "img"
    assert picture.get("aria-labelledby") == "chart-title chart-told"
    assert picture.find("desc").text.startswith("Messages stopped: from 66.7 %")
    assert len(picture.findall(".//circle")) == 3 + 1
    assert len(picture.findall(".//rect")) == 3 + 1
    assert len(picture.findall(".//path")) == 3 + 1
    numbers = [float(one.get(name)) for one in picture.iter("circle") for name in ("cx", "cy")]
    assert all(0 <= number <= 640 for number in numbers)
    heights = [float(one.get("cy")) for one in picture.iter("circle")][:3]
    assert heights == sorted(heights)


def test_what_is_unknown_is_not_drawn():
    frame = events(*ROWS[:3])
    sets = sweep.variants([from_dict(cap(1, "7d"))], "cap", limits=[1])
    told = sweep.document("cap", (point.totals() for point in sweep.sweep(frame, sets, context(frame))))
    picture = ET.fromstring(chart.svg(curve(told)))
    assert not picture.findall(".//rect")
    assert "unknown" in reports.sweep(told, covered=COVERED).written("md")


def test_a_hundred_points_do_not_write_over_each_other():
    told = swept(limits=list(range(1, 101)))
    picture = ET.fromstring(chart.svg(curve(told)))
    places = [float(one.get("x")) for one in picture.findall("text") if one.text.isdigit()]
    assert min(after - before for before, after in pairwise(places)) > 20
