"""The embedded model, or another, trained a little further on the accepted images of an annotation project.

    python -m refseg train --recipe finetune --data PROJECT --output runs/mine [--model M] [--resume]

Data: PROJECT, a project with at least five accepted images that have masks and expressions; objects marked absent teach
what is not there. A fifth of the images, chosen by their names, is held back (or those whose split is neither empty
nor "train"), the frames of a clip all together. A folder of the RefCOCO layout with the splits train and val works,
too. Cost: 40 steps of 4 images, five minutes of CPU time with both measurements (one thread, beside other work) and
2.3 GB of memory. Score: see README.md beside this file. runs/mine/report.json has yours, before and after; what is
printed says when the new model is not to be used.

The backbone, attention across frames, the gate and the presence head stay as they are; the presence term is left out,
as people hardly ever say what is absent.
"""

from refseg.data.sources import SourceSpec
from refseg.training.losses import LossWeights
from refseg.training.recipe import Phase, Recipe

RECIPE = Recipe(
    name="finetune",
    network=None,
    model="embedded",
    sources=(SourceSpec(".", 1.0),),
    phases=(
        Phase(
            "finetune",
            steps=40,
            images=4,
            expressions=4,
            instances=4,
            image_size=0,
            rate=1e-4,
            region_rate=5e-5,
            backbone_rate=0.0,
            table_rate=3e-5,
            mix={"natural": 0.9, "no_target": 0.1},
            frozen=("dense.cross_frame", "branch.gate", "branch.certainty", "branch.presence", "branch.number"),
            warmup=5,
        ),
    ),
    measured=".",
    loss=LossWeights(presence=0.0, dense=1.0),  # dense: as the model was made
    save_every=20,
)
