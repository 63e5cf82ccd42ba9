"""The embedded model, first version: two small backbones, CMSA at 26 x 26, 416 pixels.

    python -m refseg train --recipe compact --data DATA --output runs/compact [--resume]

Data (DATA holds the folders): coco, objects, clothing (RefCOCO layout, their `train` splits), street, people; initialisations in DATA/weights.
Needs `pip install -r recipes/requirements.txt` (onnx, to read the detector).
Cost and score: see README.md beside this file.
"""

from refseg.data.sources import SourceSpec
from refseg.models.network import NetworkConfig
from refseg.training.recipe import Phase, Recipe

RECIPE = Recipe(
    name="compact",
    network=NetworkConfig.compact(),
    sources=(
        SourceSpec("coco", 0.38, complete=True),
        SourceSpec("objects", 0.38),
        SourceSpec("clothing", 0.14, referred_only=True),
        SourceSpec("street", 0.04, layout="street"),
        SourceSpec("people", 0.06, layout="people"),
    ),
    phases=(
        # Small pictures and a frozen backbone: the head learns what words and places mean, quickly.
        Phase("head", steps=800, images=8, expressions=5, image_size=320, rate=1e-3, backbone_rate=0.0, table_rate=3e-4),
        # Everything, at the size it is used at.
        Phase("whole", steps=600, images=6, expressions=5, image_size=416, rate=4e-4, backbone_rate=1e-4, table_rate=1e-4, warmup=40),
    ),
    initialisation="weights",
)
