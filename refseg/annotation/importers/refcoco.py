"""RefCOCO: COCO instances and the sentences about them.

Written are instances.json (COCO) and expressions.json (a list of refs, which this project reads), and for the REFER API of the data set's authors the
same refs under their own name: refs(refseg).p, a pickle of plain lists, dictionaries, numbers and texts. It is written and never read.
"""

from __future__ import annotations

from pathlib import Path

from refseg.annotation.importers.coco import take_picture
from refseg.annotation.progress import Progress, followed, silent
from refseg.annotation.store import Project
from refseg.data.refcoco import read_refcoco


def import_refcoco(root: Path, project: Project, progress: Progress = silent) -> int:
    """ROOT/instances.json, ROOT/expressions.json and ROOT/images/; returns the number of masks.

    Sentences are taken as they were typed; those of refs with "no_target" make layers that are absent.
    """
    dataset = read_refcoco(root)
    count = 0
    for image in followed(dataset.images, progress):
        meant: dict[int, list[str]] = {}
        for referent in dataset.referents_of(image):
            meant.setdefault(referent.instance.id, []).extend(referent.typed)
        absent = [absence.sentences for absence in dataset.absences_of(image)]
        count += take_picture(project, dataset, image, meant, absent)
    return count
