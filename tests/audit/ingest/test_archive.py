"""Zips from strangers are streamed within limits; nothing of them is written anywhere."""

import io
import stat
import zipfile

import pytest

from audit.errors import InputError
from audit.ingest import archive
from audit.ingest.archive import Archive
from tests.audit.ingest.files import raw


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "/").replace("_", "."), content)
    return target.getvalue()


def bytes_of(opened: Archive, member: archive.Member) -> bytes:
    with opened.open(member) as stream:
        return stream.read()


def test_members_of_a_zip_and_of_the_zips_inside_it(tmp_path):
    inner = zipped(Orders_csv=b"inner")
    path = raw(tmp_path, zipped(a_csv=b"outer", folder__Orders_zip=inner), "export.zip")
    with Archive(path) as opened:
        assert [member.path for member in opened.members] == [
            "export.zip!a.csv",
            "export.zip!folder/Orders.zip!Orders.csv",
        ]
        assert [bytes_of(opened, member) for member in opened.members] == [b"outer", b"inner"]
        assert [bytes_of(opened, member) for member in reversed(opened.members)] == [b"inner", b"outer"]


def test_a_zip_in_a_zip_in_a_zip_is_a_file_like_any_other(tmp_path):
    deep = zipped(b_zip=zipped(c_zip=zipped(x_csv=b"deep")))
    with Archive(raw(tmp_path, deep, "a.zip")) as opened:
        assert [member.name for member in opened.members] == ["c.zip"]


def test_names_are_never_places(tmp_path):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name in ("../../up.csv", "/etc/abs.csv", "C:\\drive.csv", "esc\x1b[2J.csv"):
            made.writestr(name, b"x")
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    path = raw(inside, target.getvalue(), "a.zip")
    with Archive(path) as opened:
        assert [bytes_of(opened, member) for member in opened.members] == [b"x"] * 4
        assert all("\x1b" not in member.path for member in opened.members)
    assert set(tmp_path.rglob("*")) == before | {path}


def test_links_and_folders_are_left_out(tmp_path):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
        made.mkdir("folder")
        made.writestr("folder/real.csv", b"x")
    with Archive(raw(tmp_path, target.getvalue(), "a.zip")) as opened:
        assert [member.name for member in opened.members] == ["folder/real.csv"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_bomb_is_refused_before_it_has_grown(tmp_path, nested):
    bomb = zipped(bomb_csv=b"0" * 30_000_000)
    content = zipped(Bomb_zip=bomb) if nested else bomb
    with (
        Archive(raw(tmp_path, content, "a.zip")) as opened,
        pytest.raises(InputError, match="200 times its size"),
    ):
        bytes_of(opened, opened.members[0])


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        ("MEMBER_BYTES", 10, "larger than"),
        ("TOTAL_BYTES", 30, "holds more than"),
        ("MEMBERS", 1, "more than 1 files"),
    ],
)
def test_each_limit_holds(tmp_path, monkeypatch, limit, value, says):
    path = raw(tmp_path, zipped(a_csv=b"a" * 20, b_csv=b"b" * 20), "a.zip")
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(InputError, match=says), Archive(path) as opened:
        for member in opened.members:
            bytes_of(opened, member)


def test_flipped_bytes_never_pass_in_silence(tmp_path):
    good = zipped(a_csv=b"customer_id,occurred_at,kind\n" * 50)
    for place in range(0, len(good), 7):
        bent = good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
        try:
            with Archive(raw(tmp_path, bent, "a.zip")) as opened:
                for member in opened.members:
                    assert bytes_of(opened, member) in (b"customer_id,occurred_at,kind\n" * 50, b"")
        except InputError as error:
            assert "a.zip" in str(error)


def test_an_encrypted_zip_is_refused(tmp_path):
    content = bytearray(zipped(a_csv=b"secret"))
    content[6] |= 1  # the flag of the member
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with (
        Archive(raw(tmp_path, bytes(content), "a.zip")) as opened,
        pytest.raises(InputError, match="no readable zip"),
    ):
        bytes_of(opened, opened.members[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_of_one_name_both_are_read(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("a.csv", b"three")
        made.writestr("a.csv", b"four")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as made:
        made.writestr("a.csv", b"one")
        made.writestr("a.csv", b"two")
        for _ in range(2):
            made.writestr("in.zip", inner.getvalue())
    with Archive(tmp_path / "e.zip") as opened:
        paths = [member.path for member in opened.members]
        assert paths[:3] == ["e.zip!a.csv", "e.zip!a.csv (2)", "e.zip!in.zip!a.csv"]
        assert len(set(paths)) == len(paths) == 6
        assert [bytes_of(opened, member) for member in opened.members] == [
            b"one",
            b"two",
            *[b"three", b"four"] * 2,
        ]
