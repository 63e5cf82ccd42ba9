"""The embedded model: two small backbones, CMSA at 32 x 32 and a choice among the detector's regions, 512 pixels.

    python -m refseg train --recipe compact --data DATA --output runs/compact [--resume]

Data (DATA holds the folders): coco, objects, clothing (RefCOCO layout, their `train` splits), street, people, davis; initialisations in DATA/weights.
Needs `pip install -r recipes/requirements.txt` (onnx, to read the detector).
Cost and score: see README.md beside this file.
"""

from refseg.data.expression_mix import DEFAULT_MIX
from refseg.data.sources import ClipSpec, SourceSpec
from refseg.models.cmsa.config import NetworkConfig
from refseg.training.losses import LossWeights
from refseg.training.recipe import Phase, Recipe

FROZEN = {"backbone_rate": 0.0}
JOINT = {"images": 4, "expressions": 4, "instances": 10, "image_size": 512, "mix": {**DEFAULT_MIX, "borrowed": 0.08, "absent": 0.05}}
CHOICE = {
    "task": "selection",
    "images": 40,
    "expressions": 5,
    "image_size": 512,
    "table_rate": 1e-4,
    "imagined": 0.3,
    "decay": 0.05,
    "mix": {**DEFAULT_MIX, "borrowed": 0.06, "absent": 0.05},
}

RECIPE = Recipe(
    name="compact",
    network=NetworkConfig.compact(),
    sources=(
        SourceSpec("coco", 0.42, complete=True),
        SourceSpec("objects", 0.36),
        SourceSpec("clothing", 0.14, referred_only=True),
        SourceSpec("street", 0.03, layout="street"),
        SourceSpec("people", 0.05, layout="people"),
    ),
    phases=(
        # Small pictures, a frozen backbone, and the dense answer by itself: the attention learns what words and places mean.
        Phase("head", steps=700, images=8, expressions=5, image_size=320, rate=1e-3, table_rate=3e-4, regions=False, **FROZEN),
        # No pictures at all: the language of place, order and number, on remembered and imagined candidates.
        Phase("selection", steps=800, rate=1e-3, **CHOICE, **FROZEN),
        # No language at all: where the one thing in a box ends.
        Phase(
            "instances",
            task="instances",
            steps=1100,
            images=4,
            expressions=1,
            instances=16,
            image_size=512,
            rate=1.5e-3,
            table_rate=0.0,
            **FROZEN,
        ),
        # Once more, from a warm start: the choice goes on gaining when the rate rises again.
        Phase("selection again", steps=800, rate=6e-4, **CHOICE, **FROZEN),
        # Everything but the backbone, at the size it is used at: the attention learns to add to what the regions know, and where to trust it more.
        Phase(
            "together",
            steps=1000,
            rate=4e-4,
            region_rate=3e-5,
            table_rate=3e-5,
            **JOINT,
            **FROZEN,
        ),
        # And again: what *together* makes of the choice, on few expressions, is no better than what it was.
        Phase("selection at last", steps=600, rate=6e-4, **CHOICE, **FROZEN),
        # Sentences alone: whether one thing is meant or several.
        Phase("number", steps=300, rate=3e-3, trained=("number",), **{**CHOICE, "task": "number"}, **FROZEN),
        # Every tensor, the backbone at a rate that leaves the detector what it knows: its normalisation is folded away, and at 2e-5 it forgets.
        Phase(
            "everything",
            steps=40,
            rate=2e-5,
            region_rate=2e-6,
            backbone_rate=1e-6,
            table_rate=2e-6,
            warmup=5,
            **JOINT,
        ),
        # Attention across the frames of a clip, and nothing else: the answers about single pictures stay as they are.
        Phase(
            "clips",
            task="clips",
            steps=100,
            images=6,
            expressions=3,
            image_size=512,
            rate=1e-3,
            table_rate=0.0,
            warmup=10,
            mix={"natural": 1.0},
            **FROZEN,
        ),
    ),
    # The dense answer has to be right by itself, too: with the choice, which in training is right too often, it would learn what the detector has no class for
    # (garments), and nothing else.
    loss=LossWeights(dense=1.0),
    clips=ClipSpec("davis"),
    initialisation="weights",
    gate={"coco": 3.0, "objects": 1.0, "clothing": 1.0},
    calibration="coco",
)
