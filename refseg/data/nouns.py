"""The nouns people use for the categories of data sets.

Only names that are true of every instance: a person is not called a man or a woman.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Noun:
    """Names of one instance and of several; `countable` is False for stuff (sky, hair), which has names in `singular`
    only.
    """

    singular: tuple[str, ...]
    plural: tuple[str, ...]
    countable: bool = True

    @property
    def forms(self) -> tuple[str, ...]:
        return self.singular + self.plural


_SINGULAR: dict[str, tuple[str, ...]] = {
    "person": ("person",),
    "bicycle": ("bicycle", "bike"),
    "motorcycle": ("motorcycle", "motorbike"),
    "airplane": ("airplane", "plane"),
    "tv": ("tv", "television", "screen"),
    "couch": ("couch", "sofa"),
    "cell phone": ("cell phone", "phone", "cellphone"),
    "potted plant": ("potted plant", "plant"),
    "dining table": ("table", "dining table"),
    "wine glass": ("wine glass", "glass"),
    "refrigerator": ("refrigerator", "fridge"),
    "sports ball": ("ball",),
    "handbag": ("handbag", "bag"),
    "suitcase": ("suitcase", "luggage"),
    "donut": ("donut", "doughnut"),
    "remote": ("remote", "remote control"),
    "hair drier": ("hair dryer", "hairdryer"),
    "baseball glove": ("baseball glove", "glove"),
    "baseball bat": ("baseball bat", "bat"),
    "tennis racket": ("tennis racket", "racket"),
    "mouse": ("mouse", "computer mouse"),
    "teddy bear": ("teddy bear", "teddy"),
    "fire hydrant": ("fire hydrant", "hydrant"),
    "stop sign": ("stop sign",),
    "coffee mug": ("coffee mug", "mug"),
    "rhesus monkey": ("monkey", "rhesus monkey"),
    "slice of bread": ("slice of bread", "bread"),
    "building facade": ("building", "facade"),
    "balcony railing": ("balcony railing", "balcony"),
    "skillet": ("skillet", "pan"),
    "drink bottle": ("drink bottle", "bottle"),
    "airpods case": ("airpods case",),
    "usb flash drive": ("usb flash drive", "usb stick", "flash drive"),
    "membership card": ("membership card", "card"),
    "front bumper": ("front bumper",),
    "windshield": ("windshield", "windscreen"),
    "pedestrian": ("pedestrian", "person"),
    "bicyclist": ("cyclist", "bicyclist"),
    "sign": ("sign", "traffic sign"),
    "bag": ("bag",),
    "purse": ("purse", "bag"),
}
_PLURAL: dict[str, tuple[str, ...]] = {
    "person": ("people",),
    "pedestrian": ("pedestrians", "people"),
    "mouse": ("mice",),
    "sheep": ("sheep",),
    "deer": ("deer",),
    "wolf": ("wolves",),
    "knife": ("knives",),
    "shelf": ("shelves",),
    "leaf": ("leaves",),
    "slice of bread": ("slices of bread",),
    "shard of glass": ("shards of glass",),
    "piece of sheet metal": ("pieces of sheet metal",),
    "piece of wood": ("pieces of wood",),
    "suitcase": ("suitcases", "luggage"),
}
# Names that stay as they are for one and for many; "pair of" is a way to count some of them.
_PAIRS = frozenset({"scissors", "skis"})
_UNCOUNTED: dict[str, tuple[str, ...]] = {
    "vegetation": ("vegetation", "plants"),
    "pavement": ("pavement", "sidewalk"),
    "road": ("road", "street"),
    "street": ("street", "road"),
    "stairs": ("stairs",),
    "sea": ("sea", "water"),
    "rug": ("rug", "carpet"),
    "floor": ("floor", "ground"),
    "dirt": ("dirt", "ground"),
    "playingfield": ("field", "playing field"),
    "people": ("people", "person", "all people", "everyone"),
    "cars": ("cars", "vehicles"),
    "pedestrians": ("pedestrians", "people"),
    "bicyclists": ("cyclists", "bicyclists"),
    "signs": ("signs", "traffic signs"),
    "poles": ("poles", "posts"),
    "trees": ("trees", "vegetation"),
    "buildings": ("buildings",),
    "pants": ("pants", "trousers"),
    "shoes": ("shoes",),
    "sneakers": ("sneakers", "trainers"),
    "sunglasses": ("sunglasses", "shades"),
    "shirt": ("shirt",),
}
_STUFF = frozenset(
    "sky grass snow sand gravel water river mountain rice ice food dirt ceiling wall platform railroad hair skin"
    " accessories jeans leggings loafers pumps heels flats tights wedges glasses gloves sandals boots socks stockings"
    " shorts sunglasses panties earrings swimwear intimate clogs fence fruit paper tissue cardboard".split()
) | {
    "brick wall",
    "tile wall",
    "stone wall",
    "wooden wall",
    "wooden floor",
    "fried tofu",
    "steamed tofu",
    "fried tempeh",
}
_STUFF_ENDINGS = (" tofu", " tempeh", " chicken", " cream", " wall", " floor")


def plural_of(noun: str) -> str:
    """Regular English plural of a noun, of the last word when there are several."""
    head, _, last = noun.rpartition(" ")
    if last.endswith(("s", "x", "z", "ch", "sh", "ato")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    elif last.endswith("man"):
        last = last[:-3] + "men"
    else:
        last += "s"
    return f"{head} {last}".strip()


@cache
def noun_of(category: str) -> Noun:
    """Names of a category: its own and the everyday ones."""
    name = (
        " ".join(category.casefold().replace("-", " ").replace("_", " ").split()) if category != "t-shirt" else category
    )
    if name in _PAIRS:
        return Noun((name, f"pair of {name}"), (name, f"pairs of {name}"))
    if name in _UNCOUNTED:
        return Noun(_UNCOUNTED[name], (), countable=False)
    if name in _STUFF or name.endswith(_STUFF_ENDINGS):
        return Noun((name,), (), countable=False)
    singular = _SINGULAR.get(name, (name,))
    return Noun(singular, _PLURAL.get(name, tuple(plural_of(form) for form in singular)))


# Clothes overlap one another: "above" and "beside" do not distinguish them.
WORN = frozenset(
    "accessories bag belt blazer blouse bodysuit boots bra bracelet cape cardigan clogs coat dress earrings flats"
    " glasses gloves hair hat heels hoodie intimate jacket jeans jumper leggings loafers necklace panties pants pumps"
    " purse ring romper sandals scarf shirt shoes shorts skin skirt sneakers socks stockings suit sunglasses sweater"
    " sweatshirt swimwear t-shirt tie tights top vest wallet watch wedges".split()
)

_SIDED_PARTS = ("mirror", "light", "door")


def has_own_sides(category: str) -> bool:
    """Whether the category's name carries the object's own left or right ("left mirror" of a car)."""
    words = category.casefold().split()
    return ("left" in words or "right" in words) and words[-1] in _SIDED_PARTS


# Categories that are easily confused: none of a group is named in a no-target expression if another is in the image.
_CONFUSABLE: tuple[frozenset[str], ...] = (
    frozenset({"cup", "wine glass", "bowl", "vase", "bottle", "mug", "coffee mug", "glass", "drink bottle", "plate"}),
    frozenset({"couch", "chair", "bed", "bench"}),
    frozenset({"car", "truck", "bus", "train"}),
    frozenset({"bicycle", "motorcycle"}),
    frozenset({"handbag", "backpack", "suitcase", "bag"}),
    frozenset({"tv", "laptop", "cell phone", "remote", "keyboard", "mouse", "microwave"}),
    frozenset({"knife", "fork", "spoon", "spatula"}),
    frozenset({"oven", "microwave", "toaster", "refrigerator", "sink"}),
    frozenset({"potted plant", "vase", "tree", "flower", "vegetation", "grass", "bush"}),
    frozenset({"orange", "apple", "sports ball", "fruit", "carrot", "banana", "broccoli"}),
    frozenset({"donut", "cake", "sandwich", "hot dog", "pizza", "food", "slice of bread"}),
    frozenset({"teddy bear", "bear", "dog"}),
    frozenset({"sheep", "cow", "horse", "dog", "zebra"}),
    frozenset({"dining table", "table", "bench", "counter", "cabinet", "shelf"}),
    frozenset({"skis", "snowboard", "surfboard", "skateboard"}),
    frozenset({"bird", "kite", "airplane"}),
    frozenset(
        {
            "road",
            "street",
            "pavement",
            "platform",
            "railroad",
            "gravel",
            "dirt",
            "sand",
            "playingfield",
            "floor",
            "snow",
        }
    ),
    frozenset(
        {
            "building",
            "house",
            "roof",
            "wall",
            "brick wall",
            "stone wall",
            "tile wall",
            "wooden wall",
            "ceiling",
            "door",
            "bridge",
        }
    ),
    frozenset({"floor", "wooden floor", "rug", "ceiling", "blanket", "towel", "curtain", "window blind"}),
    frozenset({"water", "sea", "river"}),
    frozenset({"mountain", "rock", "gravel"}),
    frozenset({"stop sign", "traffic light", "sign", "parking meter"}),
    frozenset({"baseball bat", "tennis racket"}),
    frozenset({"boat", "surfboard"}),
    frozenset({"light", "window", "mirror", "lamp"}),
    frozenset({"fence", "net"}),
    frozenset({"paper", "cardboard", "book", "banner"}),
)


@cache
def confusable_with(category: str) -> frozenset[str]:
    """Categories that this one's name may refer to, itself included."""
    return frozenset({category}).union(*(group for group in _CONFUSABLE if category in group))
