r"""The network of the paper on RefCOCO (UNC).

    python -m refseg train --recipe paper_refcoco --data DATA --output runs/paper_refcoco [--resume]
    python -m refseg evaluate --data DATA/refcoco --format refcoco --split val --refine crf --json scores.json \
        --model runs/paper_refcoco/checkpoint

Data: DATA/refcoco in the RefCOCO layout (RefCOCO, split by UNC). Initial weights:
DATA/weights/deeplabv3_resnet101_coco-586e9e4e.pth, or downloaded by torch hub (torchvision's deeplabv3_resnet101, COCO
with VOC labels). The system is `CmsaConfig.paper()`, to the letter; docs/deviations.md lists every setting. Adam at
2.5e-4 with weight decay 5e-4 and a polynomial schedule of power 0.9, one 320 x 320 image and one expression a step, no
augmentation, the cross-entropy of every pixel, DenseCRF at the end. The number of steps and the one rate for all
tensors are our reading: the 2019 code of the authors trains 800,000 steps. Cost: not measured by us; 800,000 steps of a
ResNet-101 need a GPU for days. Score, overall IoU as published (not reproduced by us): val 58.92, testA 62.01, testB
56.03.
"""

from pathlib import Path

from refseg.data.sources import SourceSpec
from refseg.language import Vocabulary
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.system import System
from refseg.training.initialization.resnet import initialize_resnet101
from refseg.training.losses import LossWeights
from refseg.training.recipe import Initialization, Phase, Recipe


def initialize(system: System, vocabulary: Vocabulary, folder: Path) -> None:
    """The backbone's weights; everything else starts at random."""
    if not isinstance(system, CmsaNetwork):
        raise ValueError(f"the system is {type(system).__name__}, expected CMSA")
    initialize_resnet101(system.backbone, "deeplabv3", folder)


RECIPE = Recipe(
    name="paper_refcoco",
    network=CmsaConfig.paper(),
    sources=(SourceSpec("refcoco", 1.0, options={"referred_only": True}),),
    phases=(
        Phase(
            "all",
            steps=800_000,
            images=1,
            expressions=1,
            image_size=320,
            augmented=False,
            target_stride=1,
            rate=2.5e-4,
            backbone_rate=2.5e-4,
            table_rate=2.5e-4,
            decay=5e-4,
            optimizer="adam",
            schedule="polynomial",
            clip_norm=0.0,
            warmup=0,
            hidden_words=0.0,
            mix={"natural": 1.0},
        ),
    ),
    loss=LossWeights(dice=0.0, presence=0.0),
    initialization=Initialization("weights", initialize),
    vocabulary_words=0,
    average=0.0,  # the last weights, not a moving average
    save_every=5000,
)
