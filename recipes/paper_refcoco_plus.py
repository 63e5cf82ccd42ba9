r"""The network of the paper on RefCOCO+ (UNC+): `paper_refcoco` with other data.

    python -m refseg train --recipe paper_refcoco_plus --data DATA --output runs/paper_refcoco_plus [--resume]
    python -m refseg evaluate --data DATA/refcoco+ --format refcoco --split val --refine crf --json scores.json \
        --model runs/paper_refcoco_plus/checkpoint

Data: DATA/refcoco+ in the RefCOCO layout (RefCOCO+, split by UNC). Initial weights, network, optimizer, number of
steps and cost: as recipes/paper_refcoco.py says. Score, overall IoU as published (not reproduced by us): val 43.87,
testA 47.79, testB 38.33.
"""

from dataclasses import replace

from refseg.data.sources import SourceSpec
from refseg.training.recipe import load_recipe

RECIPE = replace(
    load_recipe("paper_refcoco"),
    name="paper_refcoco_plus",
    sources=(SourceSpec("refcoco+", 1.0, options={"referred_only": True}),),
)
