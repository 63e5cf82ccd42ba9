"""Explanations as files: explain.json, maps and reports, the same from the command line and from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.explain.explanation import Explanation
from refseg.explain.overview import overview_html
from refseg.explain.report import report_html, write_report
from refseg.explain.view import reduced
from refseg.files import write_json
from refseg.images import save_png
from refseg.inference.result_record import attention_rows
from refseg.inference.segmentation import Segmentation

RECORD, MAPS, REPORT = "explain.json", "maps", "report.html"


def explanation_entry(explanation: Explanation) -> dict[str, Any]:
    """The entry of explain.json for one expression of T words, of JSON types.

    words: the T tokens.  attention: L lists of T weights, each of sum 1 (a of Eq. 4); empty for a model without word
    attention.  leave_one_out: for each word, in their order, iou (0..1) of the masks with and without it and
    presence_change (-1..1, null if unknown).  presence: 0..1, null if the model does not predict it.
    """
    answer = explanation.segmentation
    return {
        "words": list(answer.tokens),
        "attention": attention_rows(answer),
        "leave_one_out": [
            {"word": word.text, "iou": round(word.iou, 6), "presence_change": _rounded(word.presence_change)}
            for word in explanation.left_out
        ],
        "presence": _rounded(answer.presence),
    }


def maps_of(answer: Segmentation) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The name and the values, (h, w) in 0..1, of each map that the model has, at the resolution of its input, or the
    image's own if that is smaller.

    probability, response; word_00_level_1 ...: share of its attention that a position pays to the first word on the
    first level; NAME_level_1 ...: other maps, such as memory_gate_level_1. They are yielded one at a time because
    together they may be large.
    """
    small = reduced(answer, answer.letterbox.size)
    yield "probability", small.probability
    if small.response is not None:
        yield "response", small.response
    for level in range(0 if answer.word_maps is None else len(answer.word_maps)):
        for word in range(len(answer.tokens)):
            yield f"word_{word:02d}_level_{level + 1}", small.word_map(level, word)
    for name, levels in answer.maps.items():
        for level, values in enumerate(levels, start=1):
            yield f"{name}_level_{level}", small.letterbox.inverse(values)


def write_explanation(
    folder: Path,
    explanation: Explanation,
    *,
    image_name: str,
    model: str,
    settings: Mapping[str, str] | None = None,
    date: str = "",
    mask: NDArray[np.bool_] | None = None,
) -> None:
    """explain.json, maps/*.png (8-bit gray, 255 for 1; see `maps_of`) and report.html into a folder, which is created
    if it does not exist.

    Other arguments as in `report_html`. Raises ImageError or InputError for a path that cannot be written.
    """
    _make_folder(folder / MAPS)
    for name, values in maps_of(explanation.segmentation):
        save_png(folder / MAPS / f"{name}.png", np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))
    page = report_html(explanation, image_name=image_name, model=model, settings=settings, date=date, mask=mask)
    write_report(folder / REPORT, page)
    _write_json(folder / RECORD, explanation_entry(explanation))


def write_explanations(
    folder: Path,
    explanations: Sequence[Explanation],
    masks: Sequence[NDArray[np.bool_]],
    *,
    image_name: str,
    model: str,
    settings: Mapping[str, str] | None = None,
    date: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """The explanations of one image. A single one is written as by `write_explanation`. Several are written to the
    folders explain/000, explain/001, ..., and above them explain.json, {"explanations": [...]} of the same objects in
    the same order, and report.html, which links to theirs.

    progress is called with done and total. Raises as `write_explanation`.
    """
    about = {"image_name": image_name, "model": model, "date": date}
    several = len(explanations) > 1
    places = [Path("explain", f"{number:03d}") if several else Path() for number in range(len(explanations))]
    for number, (place, explanation, mask) in enumerate(zip(places, explanations, masks, strict=True), start=1):
        write_explanation(folder / place, explanation, settings=settings, mask=mask, **about)
        if progress is not None:
            progress(number, len(explanations))
    if several:
        links = [(place / REPORT).as_posix() for place in places]
        write_report(folder / REPORT, overview_html(explanations, links, image_name=image_name, masks=masks))
        _write_json(folder / RECORD, {"explanations": [explanation_entry(explanation) for explanation in explanations]})


def _write_json(path: Path, values: dict[str, Any]) -> None:
    try:
        write_json(path, values)
    except OSError as error:
        raise _unwritable(path, error) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}; give a folder that exists and may be written")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
