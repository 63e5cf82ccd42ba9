"""Answers the requests of the annotation tab's script: one action in a session each, answered with what has changed."""

from typing import Any

from refseg.errors import InputError, ProjectError
from refseg.ui import request_values as values
from refseg.ui.annotate.actions import ACTIONS
from refseg.ui.annotate.sessions import EditorSession, EditorSessions
from refseg.ui.annotate.state import entry_json
from refseg.ui.messages import error_message
from refseg.ui.model_runner import ModelRunner
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.request_values import Request

# These take long, or run beside others. What they change is locked inside them.
WITHOUT_LOCK = ("continue_batch", "export", "progress", "crop")
# These change the open image, which the request may name.
IMAGE_CHANGES = (
    "predict",
    "set_threshold",
    "brush",
    "click",
    "box",
    "repair",
    "update_object",
    "delete_object",
    "set_state",
)


class EditorRequests:
    """Answers the requests of all windows."""

    def __init__(self, runner: ModelRunner, projects: ProjectDirectory) -> None:
        self._projects = projects
        self._sessions = EditorSessions(runner, projects)

    def edit(self, request: Any) -> dict[str, Any]:
        """Does what `request["action"]` names. An error is returned as one sentence under "error"."""
        try:
            if not isinstance(request, dict):
                raise InputError("The request is empty. Reload the page.")
            return self._answer(request)
        except Exception as error:
            return {"error": error_message(error).text}

    def _answer(self, request: Request) -> dict[str, Any]:
        name = values.text(request, "action")
        if name == "list_projects":
            projects = self._projects
            return {"projects": projects.keys(), "is_listed": projects.listed, "location": projects.location}
        if name == "create_project":
            return {"key": self._projects.create(values.text(request, "name"))}
        action = ACTIONS.get(name)
        if action is None:
            raise InputError(f"The action is {name[:40]!r}. Expected one of {', '.join(ACTIONS)}. Reload the page.")
        session = self._sessions.get(values.text(request, "project"), values.text(request, "window"))
        if name in WITHOUT_LOCK:
            return action(session, request) or {}
        with session.editor.lock:
            if name in IMAGE_CHANGES:
                _check_image(session, request)
            before = session.editor.image_name
            answer = action(session, request) or {}
            return {**session.state.describe(session.editor), "left": _left_entry(session, before), **answer}


def _check_image(session: EditorSession, request: Request) -> None:
    """Raises ProjectError if the request names another image than the open one. One without a name is about that."""
    name = values.optional_text(request, "image")
    if name is not None and name != session.editor.record.name:
        raise ProjectError(
            f"The change was for {name[:80]}, but the open image is {session.editor.record.name} now."
            " Check the image and repeat the change."
        )


def _left_entry(session: EditorSession, before: str | None) -> dict[str, Any] | None:
    """The list's entry of the image that the request has left; None if it left none, or if the image is removed."""
    entry = None if before is None or before == session.editor.image_name else session.editor.project.summary(before)
    return None if entry is None else entry_json(entry)
