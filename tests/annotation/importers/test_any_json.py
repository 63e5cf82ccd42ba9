"""Data sets with any JSON value in any place: read as far as they make sense, or refused in one sentence."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refseg.annotation.importers import import_from
from refseg.annotation.importers.report import ImportReport
from refseg.annotation.project import Project
from refseg.data.masks import encode_rle
from refseg.errors import DataError
from tests.annotation.importers.coco_sets import coco, mug_mask, ref, write_image

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1", "1.0", 1e300, -1, 10**30])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def with_value(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy with another value in one place."""
    if not path:
        return other
    value = copy.deepcopy(value)
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = other
    return value


def instances() -> dict[str, Any]:
    values = coco(
        image={"no_target": [["a sofa"]], "split": "val", "frame": 3, "state": "accepted"},
        annotation={"expressions": ["mug"]},
    )
    values["annotations"].append(
        {**values["annotations"][0], "id": 2, "segmentation": encode_rle(mug_mask(), compressed=False)}
    )
    return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any") / "data"
    write_image(root / "images" / "a.jpg")
    return root


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["coco", "refcoco", "grefcoco"])
def test_any_value_in_any_place(name: str, folder: Path, data: st.DataObject) -> None:
    values, refs = instances(), [ref(), ref(2, [1, 2] if name == "grefcoco" else 2), ref(3, None, no_target=True)]
    other = data.draw(VALUES)
    if name == "coco" or data.draw(st.booleans()):
        values = with_value(values, data.draw(st.sampled_from(places(values))), other)
    else:
        refs = with_value(refs, data.draw(st.sampled_from(places(refs))), other)
    for file in folder.glob("*.json"):
        file.unlink()
    (folder / "instances.json").write_text(json.dumps(values))
    if name != "coco":
        (folder / {"refcoco": "expressions.json", "grefcoco": "grefs(x).json"}[name]).write_text(json.dumps(refs))
    project = Project.create(folder.parent / "project")
    try:
        report = import_from(name, folder, project)
        check(project, report)
    except DataError as error:
        assert str(folder) not in str(error) and not project.summaries  # noqa: PT017
    finally:
        project.delete()


def check(project: Project, report: ImportReport) -> None:
    """What was counted is what is there, every mask has pixels, and nothing incomplete is accepted."""
    annotations = [
        annotation
        for entry in Project.open(project.folder).summaries
        for annotation in project.record(entry.name).annotations
    ]
    masks = [mask for annotation in annotations if (mask := annotation.decode_mask()) is not None]
    assert all(mask.any() for mask in masks)
    assert (report.objects, report.no_target, report.images) == (
        len(masks),
        len(annotations) - len(masks),
        len(project.summaries),
    )
    assert report.expressions == sum(len(annotation.expressions) for annotation in annotations)
