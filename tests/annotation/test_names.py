"""File names that every file system takes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.names import MAX_NAME_BYTES, file_name, free_name, name_key

LETTERS = st.text(st.characters(categories=("L", "M", "N")), min_size=1, max_size=30)


@given(LETTERS.map(lambda text: unicodedata.normalize("NFC", text)), st.sampled_from([".jpg", ".JPG", ".png", ""]))
def test_letters_of_any_script_are_kept(stem: str, suffix: str) -> None:
    name = f"photo {stem}{suffix}"
    assert file_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name", ["чашка.jpg", "杯子 (2).JPG", "été.png", "a+b & c#1%20,'x'.tif", "a..b.jpg", "-x.png", "nulle.png"]
)
def test_names_that_stay(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CON", "_CON"),
        ("aux.txt", "_aux.txt"),
        ("Nul .tar.gz", "_Nul .tar.gz"),
        ("com¹.png", "_com¹.png"),
        (".hidden.png", "_hidden.png"),
        ("..", "image"),
        ("a.", "a"),
        ("a. . ", "a"),
        ('a<b>:"|?*\\/.png', "a_b________.png"),
        ("a\x00\x1f\x7f.png", "a___.png"),
        ("\ud800.png", "_.png"),
        ("", "image"),
        ("e\u0301.png", "é.png"),
    ],
)
def test_names_that_some_system_refuses(name: str, expected: str) -> None:
    assert file_name(name) == expected


@given(st.text(st.characters(), max_size=400))
def test_every_name_can_be_a_file(name: str) -> None:
    """Of every system: see the documentation of Windows on file names."""
    safe = file_name(name)
    assert 1 <= len(safe.encode("utf-8")) <= MAX_NAME_BYTES
    assert not set(safe) & set('<>:"/\\|?*') and min(safe) >= " "
    assert not safe.startswith(".") and safe == safe.rstrip(" .")
    assert safe.split(".")[0].rstrip().casefold() not in {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"com{n}" for n in range(10)),
        *(f"lpt{n}" for n in range(10)),
    }
    assert file_name(safe) == safe


@pytest.mark.parametrize("stem", ["x" * 300, "杯" * 100, "😀" * 70])
def test_long_names_keep_their_suffix(stem: str) -> None:
    safe = file_name(f"{stem}.jpeg")
    assert (
        safe.endswith(".jpeg") and safe[:50] == stem[:50] and MAX_NAME_BYTES - 4 < len(safe.encode()) <= MAX_NAME_BYTES
    )


@given(
    st.lists(st.sampled_from(["a.png", "A.PNG", "é.png", "e\u0301.png", "ß.png", "x" * 300, "a-2.png"]), max_size=12)
)
def test_free_names_differ_on_every_system(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(free_name(name, lambda one: name_key(one) in {name_key(known) for known in taken}))
    assert len({name_key(one) for one in taken}) == len(names) and all(
        len(one.encode()) <= MAX_NAME_BYTES for one in taken
    )
