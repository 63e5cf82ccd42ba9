r"""The network of the paper on ReferIt: `paper_refcoco` with other data.

    python -m refseg train --recipe paper_referit --data DATA --output runs/paper_referit [--resume]
    python -m refseg evaluate --data DATA/referit --format refcoco --split test --refine crf --json scores.json \
        --model runs/paper_referit/checkpoint

Data: DATA/referit in the RefCOCO layout (ReferIt, converted to it). Initial weights, network, optimizer, number of
steps and cost: as recipes/paper_refcoco.py says. Score, overall IoU as published (not reproduced by us): test 63.99.
"""

from dataclasses import replace

from refseg.data.sources import SourceSpec
from refseg.training.recipe import load_recipe

RECIPE = replace(
    load_recipe("paper_refcoco"),
    name="paper_referit",
    sources=(SourceSpec("referit", 1.0, options={"referred_only": True}),),
)
