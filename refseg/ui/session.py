"""The state of one visitor of the image tab, and folders for a visitor's files."""

import secrets
import shutil
import time
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage
    from refseg.inference.segmentation import Segmentation

SESSION_SECONDS = 30 * 60.0  # without a new result, after which a session's image and features are deleted
MAX_SESSIONS = 64
FOLDER_BYTES = 24  # of randomness in the name of a folder with downloads


class SessionFolder:
    """A temporary folder, created with its first file and deleted with the last session that refers to it.

    root: where to create it; None for the system's temporary folder. Its name is random and cannot be guessed; only the
    server's user may open it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._path: Path | None = None

    def file(self, name: str) -> Path:
        """The path of the file `name`; the folder exists. A later file of that name replaces it."""
        if self._path is None:
            root = Path(gettempdir()) if self._root is None else self._root
            root.mkdir(parents=True, exist_ok=True)
            # Everybody who knows the path can fetch the files, so nobody must be able to guess it. mkdtemp's names are
            # guessable: they come from a generator whose state shows in the names that it gave before.
            path = root / f"refseg-{secrets.token_urlsafe(FOLDER_BYTES)}"
            path.mkdir(mode=0o700)
            self._path = path
            weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)
        return self._path / name

    def remove(self) -> None:
        """Deletes the folder now."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None


@dataclass(frozen=True, eq=False)
class ImageSession:
    """An image, its features and the last segmentation of it. Never shared between visitors.

    source: path of the uploaded file.  name: its name on the visitor's computer.  image: uint8 (H, W, 3).
    encoded: None where features cannot be cached.  run: number of results so far; it distinguishes equal results.
    opened_ms: when the image was opened, in milliseconds; it orders results of different images.  folder: downloads.
    shared_folder: files that the page's script may fetch.  token: names the session to that script; it cannot be
    guessed.  candidate: the part (H, W) of the mask that the visitor selected, None for all.
    """

    source: str
    name: str
    image: NDArray[np.uint8]
    encoded: "EncodedImage | None" = None
    segmentation: "Segmentation | None" = None
    run: int = 0
    opened_ms: int = field(default_factory=lambda: int(1000 * time.time()), repr=False)
    folder: SessionFolder = field(default_factory=SessionFolder, repr=False)
    shared_folder: SessionFolder = field(default_factory=lambda: SessionFolder(Path(get_upload_folder())), repr=False)
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    candidate: NDArray[np.bool_] | None = field(default=None, repr=False)

    def with_features(self, encoded: "EncodedImage | None") -> "ImageSession":
        """The session with the image's features."""
        return replace(self, encoded=encoded)

    def with_segmentation(self, segmentation: "Segmentation | None") -> "ImageSession":
        """The session after one more run; None if the run failed."""
        return replace(self, segmentation=segmentation, run=self.run + 1, candidate=None)

    def with_candidate(self, candidate: NDArray[np.bool_] | None) -> "ImageSession":
        """The session with a part of the mask selected."""
        return replace(self, candidate=candidate, run=self.run + 1)

    def mask(self, threshold: float, refine: bool) -> NDArray[np.bool_]:
        """The mask (H, W) that is shown. There must be a segmentation."""
        assert self.segmentation is not None  # noqa: S101  callers have checked
        mask: NDArray[np.bool_] = self.segmentation.mask(float(threshold), refine="crf" if refine else "none")
        return mask if self.candidate is None else mask & self.candidate


def close_session(session: ImageSession | None) -> None:
    """Deletes a session's files. Gradio calls it when it deletes the state."""
    if session is not None:
        session.folder.remove()
        session.shared_folder.remove()
