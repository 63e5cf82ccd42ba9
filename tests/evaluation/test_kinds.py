import pytest

from refseg.evaluation.kinds import kinds_of


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("dog", {"short"}),
        ("left dog", {"position words", "short"}),
        ("dog on the left", {"position words"}),
        ("the red cup next to the plate", {"color words", "relation", "long"}),
        ("man in front of the car", {"position words", "relation"}),
        ("girl holding an umbrella", {"relation"}),
        ("Grey-haired man, sitting on a bench outside", {"color words", "relation", "long"}),
        ("person to the left of the tree", {"position words", "relation", "long"}),
        ("!!", {"short"}),
    ],
)
def test_kinds(text, kinds):
    assert set(kinds_of(text)) == kinds
