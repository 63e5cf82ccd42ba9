"""Editing sessions of the annotation tab, one for each browser window."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

from refseg.annotation.batch import BatchProgress
from refseg.annotation.editor import Editor, Refine
from refseg.annotation.project import Project
from refseg.inference import crf
from refseg.ui.annotate.files import ProjectFiles
from refseg.ui.annotate.state import EditorState
from refseg.ui.model_runner import ModelRunner
from refseg.ui.prediction_client import PredictionClient
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.session import MAX_SESSIONS

MAX_ACTIVE = 8  # sessions that keep their image, its features and probability maps: up to some hundred megabytes each


class EditorSession:
    """The session of one window: the editor of its project, what its script has, its files and its batch."""

    def __init__(self, project: Project, runner: ModelRunner, projects: ProjectDirectory) -> None:
        # A batch predicts other images than the open one.
        self.client, self.batch_client = PredictionClient(runner), PredictionClient(runner)
        refine: Refine | None = crf.refine_mask if crf.available() else None
        self.editor = Editor(project, self.client, refine)
        self.state, self.files = EditorState(), ProjectFiles(project, projects)
        self.batch: Iterator[BatchProgress] | None = None

    def release_memory(self) -> None:
        """Frees images and features of a session that is not in use. Its history stays."""
        if self.editor.lock.acquire(blocking=False):
            self.editor.release_memory()
            self.client.release()
            self.batch_client.release()
            self.editor.lock.release()

    def end_batch(self) -> None:
        """Ends the batch, if one runs. Its predictions stay, as one step of the history."""
        batch, self.batch = self.batch, None
        if batch is not None:
            batch.close()  # type: ignore[attr-defined]  # a generator
            self.batch_client.release()


class EditorSessions:
    """The sessions in memory, at most `MAX_SESSIONS`. Losing one loses no work, only the history of undo."""

    def __init__(self, runner: ModelRunner, projects: ProjectDirectory) -> None:
        self._runner, self._projects = runner, projects
        self._sessions: OrderedDict[tuple[str, str], EditorSession] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, project: str, window: str) -> EditorSession:
        """The session of a window at a project, created if needed. Raises ProjectError if there is no such project."""
        key = project, window
        with self._lock:
            known = self._sessions.get(key)
        # Opening a large project takes a while. Other windows must not wait for it.
        session = known or EditorSession(self._projects.open(project), self._runner, self._projects)
        with self._lock:
            session = self._sessions.setdefault(key, session)  # another request may have opened it meanwhile
            self._sessions.move_to_end(key)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
            for idle in list(self._sessions.values())[:-MAX_ACTIVE]:
                idle.release_memory()
            return session
