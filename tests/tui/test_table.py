"""The table: only what is on the screen becomes Python objects, and every row can be reached."""

import polars as pl
import pytest
from textual.app import App, ComposeResult

from tui.widgets.table import Table
from tui.widgets.table_data import PAGE, Column, Rows

COLUMNS = (Column("name", "name"), Column("n", "n", width=4, right=True), Column("what", "what", flex=True))


def rows(count: int = 1000, **columns: object) -> Rows:
    number = pl.int_range(count, eager=True)
    frame = pl.select(
        pl.format("k{}", number).alias("key"),
        pl.format("name {}", number).alias("name"),
        number.alias("n"),
        pl.format("what happened {}", number).alias("what"),
    ).with_columns(**columns)
    return Rows(frame, COLUMNS, "key")


class Alone(App[None]):
    moved: list[str]
    opened: list[str]

    def compose(self) -> ComposeResult:
        yield Table(id="table")

    def on_mount(self) -> None:
        self.moved, self.opened = [], []
        self.query_one(Table).focus()

    def on_table_moved(self, message: Table.Moved) -> None:
        self.moved.append(message.key)

    def on_table_opened(self, message: Table.Opened) -> None:
        self.opened.append(message.key)


def lines(table: Table) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


# -- the data behind it -----------------------------------------------------------------------------------------------


def test_a_row_is_found_by_its_key_and_a_stranger_is_not() -> None:
    assert rows().find("k700") == 700
    assert rows().find("x") is None


def test_only_the_page_around_a_row_becomes_python_objects() -> None:
    made = rows(100_000)
    assert made.row(70_001) == ("k70001", ("name 70001", 70001, "what happened 70001"))
    assert len(made._pages) == 1
    assert len(next(iter(made._pages.values()))) == PAGE


def test_pages_are_forgotten_so_that_memory_stays_flat() -> None:
    made = rows(100_000)
    for at in range(0, 100_000, PAGE):
        made.row(at)
    assert len(made._pages) == 16


def test_sorting_keeps_the_order_of_equals_and_puts_the_absent_last() -> None:
    made = rows(6, n=pl.Series([2, None, 1, 2, 1, None]))
    assert [made.sorted("n", descending=False).row(at)[0] for at in range(6)] == [
        "k2",
        "k4",
        "k0",
        "k3",
        "k1",
        "k5",
    ]
    assert made.sorted("n", descending=True).row(5)[0] == "k5"


def test_flexible_columns_take_what_is_left() -> None:
    widths = rows(10).widths(60)
    assert widths == (6, 4, 48)
    assert sum(widths) + len(widths) - 1 == 60


# -- on the screen ----------------------------------------------------------------------------------------------------


async def test_it_shows_a_heading_the_rows_and_where_one_is() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        await pilot.pause()
        shown = lines(table)
        assert shown[0].split() == ["name", "n", "what"]
        assert shown[1].startswith("  name 0")
        assert table.border_subtitle == "1 of 1,000"


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (("j", "j", "k"), 1),
        (("down", "down", "up"), 1),
        (("G",), 999),
        (("G", "g"), 0),
        (("end", "home"), 0),
        (("pagedown",), 10),
        (("pagedown", "pageup"), 0),
        (("k",), 0),
        (("G", "j"), 999),
    ],
)
async def test_keys_move_the_cursor_and_the_row_comes_into_view(keys: tuple[str, ...], row: int) -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        await pilot.press(*keys)
        await pilot.pause()
        assert table.cursor == row
        assert any(f"name {row} " in text for text in lines(table))


async def test_enter_opens_the_row_under_the_cursor() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        pilot.app.query_one(Table).show(rows())
        await pilot.press("j", "enter")
        await pilot.pause()
        assert pilot.app.opened == ["k1"]


async def test_a_click_selects_and_a_double_click_opens() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        await pilot.pause()
        await pilot.click(Table, offset=(5, 4))
        assert (table.cursor, pilot.app.opened) == (3, [])
        await pilot.click(Table, offset=(5, 4), times=2)
        assert pilot.app.opened == ["k3"]


async def test_a_click_on_a_heading_sorts_and_the_cursor_stays_on_its_row() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        await pilot.press("j", "j")
        for _ in range(2):
            await pilot.click(Table, offset=(11, 0))
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
        assert table.key == "k2"
        assert table.cursor == 997
        assert "n▾" in lines(table)[0]


async def test_a_marked_row_has_a_sign_and_not_only_a_colour() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        table.mark({"k1": "out", "k2": "new", "k3": "evidence", "k4": "gone"})
        await pilot.pause()
        assert [text[0] for text in lines(table)[1:6]] == [" ", "✗", "+", "»", "-"]


async def test_new_rows_keep_the_cursor_on_the_same_key() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows())
        await pilot.press("G")
        table.show(rows(500), keep="k400")
        await pilot.pause()
        assert (table.cursor, table.key) == (400, "k400")


async def test_an_empty_table_says_so() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows(0))
        await pilot.press("j", "G", "enter")
        assert "nothing here" in lines(table)[1]
        assert table.border_subtitle == "0 of 0"


async def test_a_shortened_list_says_how_many_there_are_in_all() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        part = rows(10)
        table.show(Rows(part.frame, COLUMNS, "key", total=2013))
        assert table.border_subtitle == "1 of 10 · 2,013 in all"


async def test_every_line_is_as_wide_as_the_table_at_every_width() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.show(rows(50, what=pl.lit("日本語のとても長い件名です" * 4)))
        for width in (20, 41, 60, 99):
            await pilot.resize_terminal(width, 12)
            await pilot.pause()
            room = table.scrollable_content_region.width
            assert {table.render_line(y).cell_length for y in range(12)} == {room}


async def test_a_scrollbar_that_comes_cuts_no_column() -> None:
    async with Alone().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        for count in (3, 1000, 3):
            table.show(rows(count, what=pl.lit("x" * 100)))
            await pilot.pause()
            await pilot.pause()
            assert {text.rstrip()[-1] for text in lines(table)[1:4]} == {"…"}
