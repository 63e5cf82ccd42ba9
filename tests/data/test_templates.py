import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.data.object_attributes import measure
from refseg.data.templates import KINDS, make_templates
from tests.data.scenery import COLOURS, scene_of

ROW = [("dog", 0.15, 0.5, 18, "red"), ("dog", 0.5, 0.5, 18, "blue"), ("dog", 0.85, 0.5, 18, "green")]


def said(scene, kind, draws=60):
    """Every text that a kind gives over many draws, with the objects it means."""
    found = {}
    for seed in range(draws):
        for template in make_templates(scene, np.random.default_rng(seed), [kind]):
            assert template.kind == kind
            assert found.setdefault(template.text, template.objects) == template.objects, (
                f"{template.text} means two things"
            )
    return found


def test_category_of_one_and_of_many():
    texts = said(scene_of([*ROW, ("couch", 0.5, 0.85, 20, "plain")]), "category")
    assert texts["dogs"] == texts["all the dogs"] == texts["every dog"] == (0, 1, 2)
    assert texts["couch"] == texts["the sofa"] == (3,)
    assert "dog" not in texts and "couches" not in texts


def test_nothing_is_said_of_categories_not_wholly_labelled():
    scene = scene_of(ROW, exhaustive=frozenset())
    assert make_templates(scene, np.random.default_rng(0)) == []


def test_sides_of_a_row():
    texts = said(scene_of(ROW), "side")
    assert texts["leftmost dog"] == texts["left dog"] == (0,)
    assert texts["rightmost dog"] == texts["dog on the far right"] == (2,)
    assert texts["middle dog"] == texts["the dog in the center"] == (1,)
    assert not any("top" in text or "bottom" in text for text in texts)


def test_corners_and_levels():
    texts = said(
        scene_of([("cup", 0.15, 0.15, 14, "red"), ("cup", 0.8, 0.8, 14, "red"), ("cup", 0.8, 0.2, 14, "red")]), "side"
    )
    assert (
        texts["top left cup"] == (0,)
        and texts["cup in the bottom right corner"] == (1,)
        and texts["bottom cup"] == (1,)
    )
    assert "top cup" not in texts, "two are equally high"


def test_no_side_without_a_margin():
    scene = scene_of([("dog", 0.48, 0.5, 20, "red"), ("dog", 0.5, 0.52, 16, "blue")])
    assert said(scene, "side") == {}


def test_single_things_in_a_half():
    assert said(scene_of([("dog", 0.2, 0.5, 20, "red")]), "side")["dog on the left"] == (0,)
    assert said(scene_of([("dog", 0.5, 0.5, 20, "red")]), "side") == {}


def test_front_is_larger_and_lower():
    texts = said(scene_of([("dog", 0.3, 0.3, 12, "red"), ("dog", 0.6, 0.7, 40, "red")]), "side")
    assert texts["closest dog"] == (1,) and texts["dog in the back"] == (0,)


def test_order_counts_from_both_sides():
    texts = said(scene_of(ROW[::-1]), "order")
    assert texts["second dog from the left"] == texts["second dog from the right"] == (1,)
    assert (
        texts["first dog from the left"] == texts["third dog from the right"] == texts["dog 3rd from the right"] == (2,)
    )


def test_size_needs_a_ratio():
    texts = said(scene_of([("pear", 0.2, 0.5, 40, "red"), ("pear", 0.7, 0.5, 20, "red")]), "size")
    assert texts["biggest pear"] == texts["bigger of the two pears"] == (0,) and texts["small pear"] == (1,)
    assert said(scene_of([("pear", 0.2, 0.5, 22, "red"), ("pear", 0.7, 0.5, 20, "red")]), "size") == {}


def test_colour_tells_apart():
    texts = said(scene_of(ROW), "color")
    assert texts["red dog"] == (0,) and texts["the blue dog"] == (1,) and texts["dog that is green"] == (2,)
    twice = said(scene_of([*ROW, ("dog", 0.5, 0.8, 18, "red")]), "color")
    assert twice["red dogs"] == (0, 3) and "red dog" not in twice


def test_people_are_named_by_clothes_only():
    texts = said(scene_of([("person", 0.3, 0.5, 50, "black"), ("person", 0.7, 0.5, 50, "plain")]), "color")
    assert texts["person wearing black"] == (0,)
    assert not any(text.removeprefix("the ").startswith("black") for text in texts)
    assert all(objects == (0,) for objects in texts.values()), "pink may be skin"


def test_a_cast_over_the_picture_is_no_colour():
    scene = scene_of(ROW)
    scene.image[~scene.union([0, 1, 2])] = COLOURS["red"]
    assert not any("red" in text for text in said(scene, "color"))


def test_relations():
    scene = scene_of([("dog", 0.2, 0.5, 22, "red"), ("dog", 0.85, 0.5, 22, "red"), ("car", 0.5, 0.5, 30, "blue")])
    texts = said(scene, "relation")
    assert texts["dog to the left of the car"] == (0,) and texts["dog right of the car"] == (1,)
    assert not any("car" in text.removeprefix("the ").split()[0] for text in texts), "two dogs are no landmark"
    above = said(scene_of([("cup", 0.5, 0.4, 18, "red"), ("bench", 0.5, 0.7, 32, "blue")]), "relation")
    assert above["cup above the bench"] == (0,) and above["bench below the cup"] == (1,)


def test_several():
    things = [("cup", 0.1, 0.5, 14, "red"), ("cup", 0.25, 0.5, 14, "red"), ("cup", 0.8, 0.5, 14, "red")]
    texts = said(scene_of(things), "several")
    assert texts["the three cups"] == (0, 1, 2) and texts["two cups on the left"] == (0, 1)
    assert not any("on the right" in text for text in texts)
    assert said(scene_of(things[:2]), "several")["both cups"] == (0, 1)


def test_absent_only_in_complete_scenes_and_never_a_neighbour():
    listed = frozenset({"dog", "horse", "cup", "wine glass", "train"})
    things = [("dog", 0.2, 0.5, 20, "red"), ("wine glass", 0.6, 0.5, 20, "red")]
    scene = scene_of(things, complete=True, listed=listed)
    texts = said(scene, "no_target")
    assert set(texts.values()) == {()}
    assert all("train" in text for text in texts), "a horse may be the dog, a cup the glass"
    assert make_templates(scene, np.random.default_rng(0), ["no_target"])[0].mask(scene).sum() == 0
    assert said(scene_of(things, listed=listed), "no_target") == {}


def test_names_taken_by_neighbours_are_not_used():
    texts = said(scene_of([("wine glass", 0.2, 0.5, 20, "red"), ("cup", 0.7, 0.5, 20, "blue")]), "category", 120)
    assert "glass" not in texts and "wine glass" in texts
    assert "glass" in said(scene_of([("wine glass", 0.2, 0.5, 20, "red")]), "category", 120)


def test_own_sides_forbid_sides():
    scene = scene_of(ROW, flippable=False)
    assert {t.kind for t in make_templates(scene, np.random.default_rng(0))} <= {"category", "size", "color", "several"}


def test_targets_too_small_are_left_out():
    assert make_templates(scene_of([("dog", 0.2, 0.5, 3, "red")]), np.random.default_rng(0)) == []


things = st.tuples(
    st.sampled_from(["dog", "cup", "person", "car"]),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
    st.integers(6, 40),
    st.sampled_from(sorted(COLOURS)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(things, max_size=7), st.integers(0, 1000))
def test_templates_mean_what_they_hold(listing, seed):
    scene = scene_of(
        listing, size=(100, 150), complete=True, listed=frozenset({"dog", "cup", "person", "car", "train"})
    )
    attributes = measure(scene)
    for template in make_templates(scene, np.random.default_rng(seed), KINDS, attributes):
        assert template.kind in KINDS and template.text == " ".join(template.text.split())
        assert bool(template.objects) == (template.kind != "no_target")
        mask = template.mask(scene)
        assert np.array_equal(mask, scene.union(template.objects))
        assert len({scene.objects[i].category for i in template.objects}) <= 1
        if template.kind in ("side", "order", "size", "relation"):
            assert len(template.objects) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_again_from_the_same_seed(kind):
    scene = scene_of(
        [("dog", 0.12, 0.5, 30, "red"), *ROW[1:], ("car", 0.5, 0.7, 18, "blue")],
        complete=True,
        listed=frozenset({"dog", "car", "train", "kite"}),
    )
    first, second = (make_templates(scene, np.random.default_rng(3), [kind]) for _ in range(2))
    assert first == second and first
