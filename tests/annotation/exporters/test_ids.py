"""Original ids stay as long as they are unique."""

from hypothesis import given
from hypothesis import strategies as st

from refseg.annotation.exporters.ids import MAX_CLASSES, category_ids, class_numbers, unique_ids
from refseg.annotation.records import Id

originals = st.one_of(st.none(), st.text(max_size=3), st.integers(-3, 12))


@given(st.lists(originals))
def test_ids_are_unique_and_the_first_of_each_is_kept(given_ids: list[Id | None]) -> None:
    ids = unique_ids(given_ids)
    assert len(set(ids)) == len(ids) == len(given_ids) and all(id_ >= 0 for id_ in ids)
    for position, original in enumerate(given_ids):
        if isinstance(original, int) and original >= 0 and original not in given_ids[:position]:
            assert ids[position] == original


def test_new_ids_fill_the_gaps() -> None:
    assert unique_ids([None, 2, "7", 2, 0, None]) == [1, 2, 3, 4, 0, 5]
    assert unique_ids([]) == [] and unique_ids([2**60]) == [1]


def test_categories_keep_their_first_id() -> None:
    assert category_ids([("dog", None), ("cat", 18), ("dog", 17), ("dog", 5), ("cow", 17)]) == {
        "dog": 17,
        "cat": 18,
        "cow": 1,
    }


def test_class_numbers_have_a_name_up_to_the_largest() -> None:
    assert class_numbers([("dog", 3), ("cat", None), ("cow", 3), ("dog", 1)]) == ["cat", "cow", "unused 2", "dog"]
    assert class_numbers([("dog", None), ("cat", None)]) == ["dog", "cat"]
    assert class_numbers([("dog", MAX_CLASSES), ("cat", 0)]) == ["dog", "cat"]
    assert class_numbers([]) == []


@given(st.lists(st.tuples(st.sampled_from("abcde"), originals)))
def test_every_class_has_one_number(categories: list[tuple[str, Id | None]]) -> None:
    names = class_numbers(categories)
    assert {name for name, _ in categories} <= set(names) and len(set(names)) == len(names)
