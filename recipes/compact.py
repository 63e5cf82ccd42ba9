"""The embedded model: two small backbones, CMSA at 32 x 32 positions and a choice among the detector's regions, for
images of 512 pixels.

    python -m refseg train --recipe compact --data DATA --output runs/compact [--resume]

Data (DATA holds the folders): coco, objects, clothing (RefCOCO layout, their `train` splits), street, people, davis;
initial weights in DATA/weights. Needs `pip install -r recipes/requirements.txt` (onnx, to read the detector). Cost and
score: see README.md beside this file.
"""

from pathlib import Path

import torch

from refseg.data.expression_mix import DEFAULT_MIX
from refseg.data.sources import ClipSpec, SourceSpec
from refseg.language import Vocabulary
from refseg.models.backbones import DetectorSegmenterPair
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.system import System
from refseg.training.initialization.public_weights import read_deeplab, read_yolox
from refseg.training.initialization.words import word_table
from refseg.training.losses import LossWeights
from refseg.training.recipe import Initialization, Phase, Recipe


def initialize(system: System, vocabulary: Vocabulary, folder: Path) -> None:
    """Public weights for the backbones, the word table and the class names, and one space for positions and words.

    folder: with yolox_nano.onnx, deeplabv3_mnv2_voc.fp16.safetensors, glove_6b_50d.npz and glove_6b_words.txt. Raises
    DataError if one is missing or does not fit.
    """
    if not isinstance(system, CompactSystem) or not isinstance(system.dense.backbone, DetectorSegmenterPair):
        raise ValueError(f"the system is {type(system).__name__}, expected the compact one with the backbone pair")
    backbone = system.dense.backbone
    read_yolox(backbone.detector, folder / "yolox_nano.onnx")
    read_deeplab(backbone.segmenter, folder / "deeplabv3_mnv2_voc.fp16.safetensors")
    table = word_table(vocabulary, folder, system.config.embedding)
    with torch.no_grad():
        system.dense.words.table.weight.copy_(table)
        names = [
            torch.stack([table[vocabulary.index(word)] for word in name.split()]).mean(0)
            for name in backbone.class_names
        ]
        for linear in (backbone.painting.names, *(voter.names for voter in system.branch.voters())):
            linear.weight.copy_(torch.stack(names, dim=1))
        align_names_with_words(system.dense, backbone.name_offset)


def align_names_with_words(network: CmsaNetwork, offset: int) -> None:
    """Project painted names and looked-up words to the queries and keys of the third level by the same weights.

    The name vectors pass the level's visual projection unchanged, and the weights of both kinds of input to q and k are
    equal at the start, so that q_pn . ke_n' begins as the similarity of the object at p and the word n'. offset: of the
    name vectors among the channels of the level.
    """
    size, level = network.config.embedding, 2
    visual, attention = network.visual[level].project, network.attention[level]
    width = network.config.width
    with torch.no_grad():
        visual.weight[:size] = 0
        visual.weight[:size, offset : offset + size, 0, 0] = torch.eye(size)
        visual.bias[:size] = 0
        shared = torch.randn(width, size) / size**0.5
        for block in range(2):  # queries, keys
            rows = slice(block * width, (block + 1) * width)
            attention.position_qkv.weight[rows, :size] = shared
            attention.word_qkv.weight[rows, :size] = shared


# Of the objects set: which of its parts are labeled completely, and in which many objects have no label.
OBJECTS = {"complete_sources": ["coco128_panoptic"], "partly_labeled": ["vehicle_via", "facades", "pennfudan"]}
# Of the street set: the classes by index, what all of a class is called, and which classes can be counted.
STREET = {
    "classes": [
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
        "",
    ],
    "whole": {
        "building": "buildings",
        "pole": "poles",
        "tree": "trees",
        "sign": "signs",
        "car": "cars",
        "pedestrian": "pedestrians",
        "bicyclist": "bicyclists",
    },
    "counted": ["car", "pedestrian", "bicyclist", "sign"],
}
FROZEN = {"backbone_rate": 0.0}
JOINT = {
    "images": 4,
    "expressions": 4,
    "instances": 10,
    "image_size": 512,
    "mix": {**DEFAULT_MIX, "borrowed": 0.08, "no_target": 0.05},
}
CHOICE = {
    "task": "selection",
    "images": 40,
    "expressions": 5,
    "image_size": 512,
    "table_rate": 1e-4,
    "synthetic": 0.3,
    "decay": 0.05,
    "mix": {**DEFAULT_MIX, "borrowed": 0.06, "no_target": 0.05},
}

RECIPE = Recipe(
    name="compact",
    network=CompactConfig(),
    sources=(
        SourceSpec("coco", 0.42, options={"complete": True}),
        SourceSpec("objects", 0.36, options=OBJECTS),
        SourceSpec("clothing", 0.14, options={"referred_only": True}),
        SourceSpec("street", 0.03, "label-maps", STREET),
        SourceSpec("people", 0.05, "foreground", {"category": "people"}),
    ),
    phases=(
        # Small images, a frozen backbone, and the dense answer by itself: the attention learns what words and positions
        # mean.
        Phase(
            "head",
            steps=700,
            images=8,
            expressions=5,
            image_size=320,
            rate=1e-3,
            table_rate=3e-4,
            regions=False,
            **FROZEN,
        ),
        # No images: the language of position, order and number, on cached regions and synthetic layouts.
        Phase("selection", steps=800, rate=1e-3, **CHOICE, **FROZEN),
        # No language: the outline of the object in each box.
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
        # Once more, from a warm start: the selection improves further after the rate rises again.
        Phase("selection again", steps=800, rate=6e-4, **CHOICE, **FROZEN),
        # Everything except the backbone, at the full image size: the dense answer learns to use the evidence of the
        # regions.
        Phase(
            "together",
            steps=1000,
            rate=4e-4,
            region_rate=3e-5,
            table_rate=3e-5,
            **JOINT,
            **FROZEN,
        ),
        # The selection again, since *together*, on few expressions, does not improve it.
        Phase("selection at last", steps=600, rate=6e-4, **CHOICE, **FROZEN),
        # Expressions alone: whether one object is meant or several.
        Phase("number", steps=300, rate=3e-3, trained=("branch.number",), **{**CHOICE, "task": "number"}, **FROZEN),
        # Every tensor; the backbone at a low rate, because its batch normalization is folded away and at 2e-5 the
        # detector gets worse.
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
        # Attention across frames alone: the answers about single images stay as they are.
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
    # The dense answer is trained by itself as well. On training images the selection is right so often that the dense
    # answer would otherwise learn only what the detector has no class for (garments).
    loss=LossWeights(dense=1.0),
    clips=ClipSpec("davis"),
    initialization=Initialization("weights", initialize),
    gate={"coco": 3.0, "objects": 1.0, "clothing": 1.0},
    calibration="coco",
)
