import pytest

from refseg.data.nouns import confusable_with, has_own_sides, noun_of, plural_of


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("bus", "buses"),
        ("toothbrush", "toothbrushes"),
        ("berry", "berries"),
        ("toy", "toys"),
        ("tomato", "tomatoes"),
        ("hot dog", "hot dogs"),
    ],
)
def test_regular_plurals(one, many):
    assert plural_of(one) == many


def test_names_people_use():
    assert noun_of("person").plural == ("people",)
    assert "sofa" in noun_of("couch").singular and "planes" in noun_of("airplane").plural
    assert noun_of("sheep").plural == ("sheep",) and noun_of("knife").plural == ("knives",)
    assert "man" not in noun_of("person").forms
    assert noun_of("scissors").singular == ("scissors", "pair of scissors")
    assert not noun_of("sky").countable and not noun_of("wooden floor").countable and noun_of("dog").countable
    assert noun_of("traffic_light").singular == ("traffic light",)


def test_own_sides():
    assert has_own_sides("left mirror") and has_own_sides("front right light")
    assert not has_own_sides("mirror") and not has_own_sides("front bumper")


def test_confusable_is_symmetric_and_holds_itself():
    assert "dog" in confusable_with("dog") and confusable_with("unheard of") == {"unheard of"}
    for category in ("cup", "chair", "sofa", "tree"):
        assert all(category in confusable_with(other) for other in confusable_with(category))
