r"""The network of the paper for videos on A2D Sentences; JHMDB Sentences is measured with the same model.

    python -m refseg train --recipe paper_a2d --data DATA --output runs/paper_a2d [--resume]
    python -m refseg evaluate --data DATA/a2d --format refcoco --split test --refine crf --json scores.json \
        --model runs/paper_a2d/checkpoint

Data: DATA/a2d in the RefCOCO layout (A2D Sentences, its labeled frames, converted to it), and DATA/a2d_clips in the
layout of sequences, with the frames around them. Initial weights, optimizer and cost: as recipes/paper_refcoco.py says.
The system is `CmsaConfig.paper_video()`, to the letter; docs/deviations.md lists every setting. First the network for
images is trained as in `paper_refcoco`, then attention across frames alone, on augmented clips; the paper does not say
whether it trains both at once, and the 40,000 steps of the second phase are our own number.

Score, overall IoU as published (not reproduced by us): A2D 61.8 (mean IoU 43.2), JHMDB 62.8 (58.1); without CFSA A2D
59.2 (40.5), JHMDB 60.6 (57.0).
"""

from dataclasses import replace

from refseg.data.sources import ClipSpec, SourceSpec
from refseg.models.cmsa.config import CmsaConfig
from refseg.training.recipe import load_recipe

BASE = load_recipe("paper_refcoco")
(IMAGES,) = BASE.phases
CLIPS = replace(IMAGES, name="clips", task="clips", steps=40_000, images=11, augmented=True, target_stride=4)
RECIPE = replace(
    BASE,
    name="paper_a2d",
    network=CmsaConfig.paper_video(),
    sources=(SourceSpec("a2d", 1.0, options={"referred_only": True}),),
    clips=ClipSpec("a2d_clips"),
    phases=(IMAGES, CLIPS),
)
