"""What each request of the annotation tab's script does in an editing session."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refseg.annotation.annotation_ref import AnnotationRef, NewAnnotation
from refseg.annotation.batch import predict_batch
from refseg.annotation.records import STATES, Annotation
from refseg.errors import InputError
from refseg.image_encoding import jpeg_uri, reduced_image
from refseg.ui import request_values as values
from refseg.ui.annotate.sessions import EditorSession
from refseg.ui.annotate.state import damage_notes, entries_json
from refseg.ui.request_values import Request

MAX_EXPRESSIONS = 50  # of a batch, or of an object
MAX_AUTHOR = 100

Action = Callable[[EditorSession, Request], dict[str, Any] | None]


# --- projects and images


def _open_project(session: EditorSession, request: Request) -> dict[str, Any]:
    """The page was loaded: everything again, as it is on disk."""
    editor = session.editor
    if "author" in request:
        editor.author = values.text(request, "author", MAX_AUTHOR)
    session.state.reset()
    editor.project.refresh()
    names = [entry.name for entry in editor.project.summaries]
    current = editor.image_name
    if current not in names:
        editor.close()  # another window has removed it
    if names:
        wanted = (request.get("name"), current, names[0])
        editor.open(next(name for name in wanted if name in names))
    editor.notes = damage_notes(editor.project)
    return {"project": editor.project.name, **_list_images(session, request)}


def _list_images(session: EditorSession, request: Request) -> dict[str, Any]:
    wanted = values.texts(request, "states", len(STATES)) if request.get("states") else STATES
    states = tuple(state for state in STATES if state in wanted)
    session.editor.image_list.sort(states or STATES, values.flag(request, "by_uncertainty"))
    return _entries(session)


def _open_image(session: EditorSession, request: Request) -> None:
    session.editor.open(values.text(request, "name"))


def _step(session: EditorSession, request: Request) -> None:
    session.editor.open_relative(values.integer(request, "by"))


def _set_state(session: EditorSession, request: Request) -> None:
    session.editor.set_state(values.text(request, "state"))
    if values.flag(request, "then_next"):
        session.editor.open_relative(1)


def _add_image(session: EditorSession, request: Request) -> dict[str, Any]:
    record = session.files.add_image(values.uploaded_file(request), values.text(request, "name"))
    if session.editor.image_name is None:
        session.editor.open(record.name)
    return {"added": record.name}


def _remove_image(session: EditorSession, request: Request) -> dict[str, Any]:
    if values.text(request, "name") != session.editor.record.name:
        raise InputError("The request names another image than the open one. Open the image first.")
    session.editor.remove_image()
    return _entries(session)


def _crop(session: EditorSession, request: Request) -> dict[str, Any]:
    """A part of the image in more detail. points: two corners [[left, top], [right, bottom]] in image pixels."""
    (left, top), (right, bottom) = values.points(request, "points", 2)
    with session.editor.lock:
        name, image = session.editor.record.name, session.editor.image
    height, width = image.shape[:2]
    box = max(0, int(left)), max(0, int(top)), min(width, int(right) + 1), min(height, int(bottom) + 1)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError(f"The box {box} is outside the image of {width} x {height}. Expected a box inside it.")
    part = np.ascontiguousarray(image[box[1] : box[3], box[0] : box[2]])
    return {"name": name, "box": box, "uri": jpeg_uri(reduced_image(part))}


# --- objects


def _predict(session: EditorSession, request: Request) -> dict[str, Any]:
    return _object(session.editor.predict(values.text(request, "expression")))


def _set_threshold(session: EditorSession, request: Request) -> None:
    session.editor.set_threshold(values.text(request, "object"), values.number(request, "value"))


def _brush(session: EditorSession, request: Request) -> dict[str, Any]:
    points = np.asarray(values.points(request, "points"), dtype=np.float64)
    radius, add = values.number(request, "radius"), values.flag(request, "add")
    return _object(session.editor.brush(_target(request), points, radius, add))


def _click(session: EditorSession, request: Request) -> dict[str, Any]:
    points = values.points(request, "points")
    positive, negative = (points, []) if values.flag(request, "add") else ([], points)
    return _object(session.editor.click(_target(request), positive, negative))


def _box(session: EditorSession, request: Request) -> dict[str, Any]:
    (left, top), (right, bottom) = values.points(request, "points", 2)
    return _object(session.editor.box(_target(request), (left, top, right, bottom)))


def _repair(session: EditorSession, request: Request) -> dict[str, Any]:
    return _object(session.editor.repair(values.text(request, "object"), values.text(request, "method")))


def _update_object(session: EditorSession, request: Request) -> dict[str, Any]:
    # What the script calls it -> what the record calls it.
    fields: dict[str, tuple[type, str]] = {
        "category": (str, "category"),
        "color": (str, "color"),
        "hidden": (bool, "hidden"),
        "no_target": (bool, "no_target"),
    }
    changed = {field: request[name] for name, (type_, field) in fields.items() if isinstance(request.get(name), type_)}
    if "expressions" in request:
        changed["expressions"] = tuple(values.texts(request, "expressions", MAX_EXPRESSIONS))
    return _object(session.editor.update(_target(request), **changed))


def _delete_object(session: EditorSession, request: Request) -> None:
    session.editor.delete(values.text(request, "object"))


def _undo(session: EditorSession, request: Request) -> None:
    session.editor.undo()


def _redo(session: EditorSession, request: Request) -> None:
    session.editor.redo()


# --- many images


def _start_batch(session: EditorSession, request: Request) -> dict[str, Any]:
    expressions = values.texts(request, "expressions", MAX_EXPRESSIONS)
    if not expressions:
        raise InputError("There is no expression. Type at least one, one a line.")
    session.end_batch()
    session.batch = predict_batch(session.editor, session.batch_client, session.editor.image_list.names(), expressions)
    return _continue_batch(session, request)


def _continue_batch(session: EditorSession, request: Request) -> dict[str, Any]:
    progress = next(session.batch, None) if session.batch is not None else None
    if progress is None:
        with session.editor.lock:
            return _stop_batch(session, request)
    batch = {
        "done": progress.done,
        "total": progress.total,
        "added": progress.added,
        "problems": list(progress.problems),
    }
    return {"batch": batch}


def _stop_batch(session: EditorSession, request: Request) -> dict[str, Any]:
    """Ends a batch. The list is sorted again, by what is known of the images now."""
    session.end_batch()
    session.editor.image_list.sort_again()
    return {"batch": None, **_entries(session)}


def _import(session: EditorSession, request: Request) -> dict[str, Any]:
    format_ = values.optional_text(request, "format")
    return {"report": session.files.import_archive(format_, values.uploaded_file(request))}


def _export(session: EditorSession, request: Request) -> dict[str, Any]:
    return session.files.export(values.text(request, "format"), values.flag(request, "accepted_only"), _shares(request))


def _progress(session: EditorSession, request: Request) -> dict[str, Any]:
    return session.files.progress()


ACTIONS: dict[str, Action] = {
    "open_project": _open_project,
    "list_images": _list_images,
    "open_image": _open_image,
    "step": _step,
    "set_state": _set_state,
    "add_image": _add_image,
    "remove_image": _remove_image,
    "crop": _crop,
    "predict": _predict,
    "set_threshold": _set_threshold,
    "brush": _brush,
    "click": _click,
    "box": _box,
    "repair": _repair,
    "update_object": _update_object,
    "delete_object": _delete_object,
    "undo": _undo,
    "redo": _redo,
    "start_batch": _start_batch,
    "continue_batch": _continue_batch,
    "stop_batch": _stop_batch,
    "import": _import,
    "export": _export,
    "progress": _progress,
}


def _target(request: Request) -> AnnotationRef:
    """The object that a request changes: an existing one, one that the script has named and that may not exist yet, or
    None for a new one."""
    if values.flag(request, "is_new"):
        return NewAnnotation(values.text(request, "object"))
    return values.optional_text(request, "object")


def _shares(request: Request) -> dict[str, float] | None:
    """Shares of the splits, 0..1, or None."""
    shares = request.get("shares")
    if shares is None:
        return None
    if not isinstance(shares, dict) or not set(shares) <= {"train", "val", "test"}:
        raise InputError("The shares are not those of train, val and test. Reload the page.")
    return {name: values.number(shares, name) for name in shares}


def _object(annotation: Annotation) -> dict[str, Any]:
    """The object of a request, for the script to select."""
    return {"object": annotation.id}


def _entries(session: EditorSession) -> dict[str, Any]:
    return {"entries": entries_json(session.editor.image_list.summaries(session.editor.image_name))}
