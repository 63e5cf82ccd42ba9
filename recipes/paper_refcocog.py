r"""The network of the paper on RefCOCOg (G-Ref, split by Google): `paper_refcoco` with other data.

    python -m refseg train --recipe paper_refcocog --data DATA --output runs/paper_refcocog [--resume]
    python -m refseg evaluate --data DATA/refcocog --format refcoco --split val --refine crf --json scores.json \
        --model runs/paper_refcocog/checkpoint

Data: DATA/refcocog in the RefCOCO layout (RefCOCOg, split by Google). Initial weights, network, optimizer, number of
steps and cost: as recipes/paper_refcoco.py says. Score, overall IoU as published (not reproduced by us): val 42.84.
"""

from dataclasses import replace

from refseg.data.sources import SourceSpec
from refseg.training.recipe import load_recipe

RECIPE = replace(
    load_recipe("paper_refcoco"),
    name="paper_refcocog",
    sources=(SourceSpec("refcocog", 1.0, options={"referred_only": True}),),
)
