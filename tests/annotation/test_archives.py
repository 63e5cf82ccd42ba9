"""Zips of strangers: what leads out of the folder, links, lies and bombs."""

import io
import json
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.annotation.archives import Limits, unpacked
from refseg.cli import main
from refseg.errors import ProjectError


def packed(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(path: Path, reason: str, limits: Limits | None = None) -> None:
    """Nothing is left behind, and nothing was written beside."""
    before = set(path.parent.rglob("*"))
    with pytest.raises(ProjectError, match=reason), unpacked(path, limits=limits or Limits()):
        pytest.fail("it was unpacked")
    assert set(path.parent.rglob("*")) == before


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.lists(st.from_regex(r"[a-zä ]{1,8}", fullmatch=True), min_size=1, max_size=3).map(
            lambda parts: "/".join(["top", *parts]) + ".x"
        ),
        st.binary(max_size=200),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_packed_is_unpacked(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    path = packed(tmp_path_factory.mktemp("zip") / "a.zip", {**files, "other.txt": b""})
    with unpacked(path) as folder:
        assert contents(folder) == {**files, "other.txt": b""}
    assert not folder.exists()


def test_a_folder_is_given_as_it_is(tmp_path: Path) -> None:
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path
    assert tmp_path.is_dir()


def test_one_folder_round_everything_is_entered(tmp_path: Path) -> None:
    files = {"out/instances.json": b"{}", "out/images/a.png": b"x"}
    for name, litter in (("a.zip", {}), ("b.zip", {"__MACOSX/out/._a.png": b"", ".DS_Store": b""})):
        with unpacked(packed(tmp_path / name, {**files, **litter})) as folder:
            assert contents(folder) == {"instances.json": b"{}", "images/a.png": b"x"}
    with unpacked(packed(tmp_path / "c.zip", {"a.json": b"{}"})) as folder:
        assert contents(folder) == {"a.json": b"{}"}


def test_the_ending_of_a_name_says_nothing(tmp_path: Path) -> None:
    with unpacked(packed(tmp_path / "data.bin", {"a": b"x", "b": b""})) as folder:
        assert contents(folder) == {"a": b"x", "b": b""}
    (tmp_path / "text.zip").write_text("no zip")
    refused(tmp_path / "text.zip", "Expected a folder or an intact .zip")
    refused(tmp_path / "missing.zip", "does not exist")


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "a/./x",
        "a//x",
        "C:x",
        "c:/x",
        "..\\x",
        "a\\..\\x",
        "\\x",
        "a\\\\x",
        "c:\\x",
        "..",
        "/",
        "a/..",
    ],
)
def test_names_that_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    refused(packed(tmp_path / "a.zip", {"good": b"x", name: b"x"}), "names inside one folder")


def test_a_null_in_a_name(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"axb": b"x"})
    path.write_bytes(path.read_bytes().replace(b"axb", b"a\0b"))
    refused(path, "names inside one folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(kind: int, tmp_path: Path) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
        archive.writestr("link/x", "x")
    refused(tmp_path / "a.zip", "is a link or no file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/x", "1")
        archive.writestr("a/x", "2")
    refused(tmp_path / "a.zip", "'x' twice")
    refused(packed(tmp_path / "b.zip", {"a": b"1", "a/x": b"2"}), "twice|cannot be unpacked")


def test_a_bomb_goes_off_early(tmp_path: Path) -> None:
    """The real bytes count, of one file and of all together."""
    limits = Limits(floor=2_000_000, ratio=50)
    one = packed(tmp_path / "one.zip", {"a": bytes(100_000_000)})
    assert one.stat().st_size < 110_000
    refused(one, "unpacks to more than", limits)
    refused(
        packed(tmp_path / "many.zip", {f"{n}": bytes(1_000_000) for n in range(50)}), "unpacks to more than", limits
    )
    refused(
        packed(tmp_path / "large.zip", {"a": b"x" * 2000}, zipfile.ZIP_STORED),
        "more than 1,000 bytes",
        Limits(size=1000),
    )
    refused(
        packed(tmp_path / "file.zip", {"a": b"x" * 900, "b": b"x" * 901}),
        "'b' of more than 900 bytes",
        Limits(largest=900),
    )
    refused(packed(tmp_path / "files.zip", {f"{n}": b"" for n in range(11)}), "Expected at most 10", Limits(files=10))
    with unpacked(one, limits=Limits(size=100_000_000, ratio=2000)) as folder:
        assert (folder / "a").stat().st_size == 100_000_000


def test_files_that_share_their_bytes_count_each(tmp_path: Path) -> None:
    """Many entries of the directory may point at one compressed file: the archive then is smaller than the sum of what
    its headers say.
    """
    path = packed(tmp_path / "a.zip", {"a": bytes(1_000_000)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    directory = b"".join(entry[:-1] + bytes([97 + n]) for n in range(20))  # the name is one letter, at the end
    local = data[:start]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(directory), len(local), 0)
    path.write_bytes(local + directory + tail)
    refused(path, "unpacks to more than|cannot be unpacked", Limits(floor=5_000_000, ratio=50))


@pytest.mark.parametrize("size", [10, 2**31])
def test_headers_that_lie_about_the_size(size: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a": b"y" * 5000})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<L", size)
    path.write_bytes(bytes(data))
    if size == 10:
        refused(path, "cannot be unpacked")  # the checksum tells
    else:
        with unpacked(path) as folder:
            assert contents(folder) == {"a": b"y" * 5000}


def test_encrypted_unusual_and_damaged_archives(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a": b"hello" * 100})
    whole = path.read_bytes()
    data = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(bytes(data))
    refused(path, "is encrypted")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        refused(packed(tmp_path / "b.zip", {"a": b"x"}, method), "as an ordinary zip")
    for number in range(0, len(whole), 3):
        cut, flipped = tmp_path / "cut.zip", tmp_path / "flipped.zip"
        cut.write_bytes(whole[:number])
        refused(cut, "cannot be unpacked")
        flipped.write_bytes(whole[:number] + bytes([whole[number] ^ 0xFF]) + whole[number + 1 :])
        try:
            with unpacked(flipped) as folder:
                assert all(path.is_relative_to(folder) for path in folder.rglob("*"))
        except ProjectError:
            pass


def test_whoever_waits_may_stop_it(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{n}": b"x" for n in range(5)})
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"), unpacked(path, stop):
        pytest.fail("it was unpacked")
    assert seen == [(1, 5), (2, 5), (3, 5)]


def test_what_the_block_raises_is_not_blamed_on_the_archive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), unpacked(packed(tmp_path / "a.zip", {"a": b"x"})):
        raise ValueError("mine")


def test_a_zip_in_memory_is_what_the_tests_think(tmp_path: Path) -> None:
    """The headers that these tests change are where they are looked for."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"x" * 77)
    data = buffer.getvalue()
    assert struct.unpack_from("<L", data, data.index(b"PK\x03\x04") + 22) == (77,)
    assert struct.unpack_from("<L", data, data.index(b"PK\x01\x02") + 24) == (77,)


def test_the_command_takes_a_zip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = packed(tmp_path / "a.zip", {"../x": b""})
    assert main(["import", "--format", "coco", "--input", str(path), "--project", str(tmp_path / "p")]) == 2
    assert "names inside one folder" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def renamed(path: Path, name: str, raw: bytes) -> Path:
    """The same zip with the bytes of a name, which must be as many as those of the name that it has, and without the
    flag of UTF-8.
    """
    data = path.read_bytes()
    assert len(raw) == len(name.encode("utf-8")) and data.count(name.encode("utf-8")) == 2
    data = bytearray(data.replace(name.encode("utf-8"), raw))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(mark, start + 1)) >= 0:
            data[start + offset + 1] &= ~0x08
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("чашка".encode(), "чашка"),
        ("杯子".encode("gbk"), "杯子"),
        ("Tür".encode("cp437"), "Tür"),
        ("été".encode("cp437"), "été"),
        ("e\u0301".encode(), "é"),
    ],
)
def test_names_without_the_flag_of_utf8(raw: bytes, expected: str, tmp_path: Path) -> None:
    placeholder = "x" * len(raw)
    path = renamed(packed(tmp_path / "a.zip", {f"{placeholder}.jpg": b"1", "b.jpg": b"2"}), placeholder, raw)
    guessed: list[str] = []
    with unpacked(path, guessed_names=guessed) as folder:
        assert contents(folder) == {f"{expected}.jpg": b"1", "b.jpg": b"2"}
    is_utf8 = raw.decode("utf-8", errors="ignore").encode() == raw
    assert guessed == ([] if is_utf8 else [f"{expected}.jpg"])


def test_names_of_a_guessed_encoding_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = {"label": "mug", "points": [[0, 0], [9, 0], [9, 9]], "shape_type": "polygon"}
    values = {"version": "5.5.0", "shapes": [shape], "imagePath": "b.png", "imageData": None}
    image = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    files = {"b.json": json.dumps(values).encode(), "b.png": image, "xxxxx.txt": b"notes"}
    path = renamed(packed(tmp_path / "a.zip", files), "xxxxx", "чашка".encode("cp866"))
    assert main(["import", "--input", str(path), "--project", str(tmp_path / "project")]) == 0
    assert "altered 1 file name: read in an encoding that the zip does not state" in capsys.readouterr().err


def test_the_extra_field_of_a_name_in_unicode(tmp_path: Path) -> None:
    for crc in (zlib.crc32(b"a?.jpg"), 5):
        member = zipfile.ZipInfo("a?.jpg")
        name = "aß.jpg".encode()
        member.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, crc) + name
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(member, b"1")
        with unpacked(tmp_path / "a.zip") as folder:
            assert list(contents(folder)) == (["a?.jpg"] if crc == 5 else ["aß.jpg"])


def test_backslashes_between_folders(tmp_path: Path) -> None:
    files = {"data\\": b"", "data\\images\\a.jpg": b"1", "data\\a.json": b"{}"}
    with unpacked(packed(tmp_path / "a.zip", files)) as folder:
        assert contents(folder) == {"images/a.jpg": b"1", "a.json": b"{}"}


def test_litter_at_any_depth_is_not_unpacked(tmp_path: Path) -> None:
    litter = [
        "__MACOSX/d/._a.jpg",
        "d/.DS_Store",
        "d/images/._a.jpg",
        "d/images/Thumbs.db",
        "desktop.ini",
        "d/images/__MACOSX/x",
    ]
    with unpacked(
        packed(tmp_path / "a.zip", {"d/images/a.jpg": b"1", "d/b.json": b"{}"} | dict.fromkeys(litter, b"x"))
    ) as folder:
        assert contents(folder) == {"images/a.jpg": b"1", "b.json": b"{}"}


def test_litter_that_leads_out_of_the_folder_is_refused_too(tmp_path: Path) -> None:
    refused(packed(tmp_path / "a.zip", {"a": b"x", "../.DS_Store": b"x"}), "names inside one folder")


def test_one_folder_is_entered_in_folders_too_unless_it_is_a_split(tmp_path: Path) -> None:
    (tmp_path / "outer" / "data" / "images").mkdir(parents=True)
    (tmp_path / "outer" / ".DS_Store").touch()
    (tmp_path / "outer" / "data" / "a.json").touch()
    with unpacked(tmp_path / "outer") as folder:
        assert folder.name == "data"
    (tmp_path / "set" / "train").mkdir(parents=True)
    with unpacked(tmp_path / "set") as folder:
        assert folder.name == "set"


def test_names_that_differ_in_their_normal_form_alone_come_twice(tmp_path: Path) -> None:
    refused(packed(tmp_path / "a.zip", {"d/é": b"1", "d/e\u0301": b"2"}), "twice")
