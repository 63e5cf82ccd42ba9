"""What one visitor's tab holds between two events."""

import secrets
import shutil
import time
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage
    from refseg.inference.segmentation import Segmentation

TIME_TO_LIVE = 30 * 60.0  # seconds without a new answer, after which a session's picture and features are dropped
CAPACITY = 64  # sessions held at most


class Folder:
    """A temporary folder, made when the first file needs it and removed with the last session that refers to it.

    root: where to make it; None for where temporary files are.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._path: Path | None = None

    def file(self, name: str) -> Path:
        """Where to write the file `name`; a later one of that name replaces it."""
        if self._path is None:
            if self._root is not None:
                self._root.mkdir(parents=True, exist_ok=True)
            self._path = Path(mkdtemp(prefix="refseg-", dir=self._root))
            weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)
        return self._path / name

    def remove(self) -> None:
        """Removes the folder now."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None


@dataclass(frozen=True, eq=False)
class Session:
    """A picture, its features and the last answer about it; never shared between visitors.

    source: the uploaded file.  name: what the visitor called it.  image: uint8 (H, W, 3).  encoded: None where features cannot be kept.
    run: how often something new was shown, so that the browser can tell two equal results apart.  born: when, in milliseconds, so that it can tell what is
    older, too.  shared: files that the page's script may fetch.
    token: names the session to that script; nobody can guess another's.  chosen: the part (H, W) of the mask that the visitor means, None for all.
    """

    source: str
    name: str
    image: NDArray[np.uint8]
    encoded: "EncodedImage | None" = None
    segmentation: "Segmentation | None" = None
    run: int = 0
    born: int = field(default_factory=lambda: int(1000 * time.time()), repr=False)
    folder: Folder = field(default_factory=Folder, repr=False)
    shared: Folder = field(default_factory=lambda: Folder(Path(get_upload_folder())), repr=False)
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    chosen: NDArray[np.bool_] | None = field(default=None, repr=False)

    def encoded_as(self, encoded: "EncodedImage | None") -> "Session":
        """The same session with the picture's features."""
        return replace(self, encoded=encoded)

    def answered(self, segmentation: "Segmentation | None") -> "Session":
        """The same session after one more run; None when that run failed."""
        return replace(self, segmentation=segmentation, run=self.run + 1, chosen=None)

    def choosing(self, part: NDArray[np.bool_] | None) -> "Session":
        """The same session, of whose mask only a part is meant."""
        return replace(self, chosen=part, run=self.run + 1)

    def mask(self, threshold: float, refine: bool) -> NDArray[np.bool_]:
        """The mask (H, W) as the visitor has it. There must be an answer."""
        assert self.segmentation is not None  # noqa: S101  who asks has looked
        mask: NDArray[np.bool_] = self.segmentation.mask(float(threshold), refine="crf" if refine else "none")
        return mask if self.chosen is None else mask & self.chosen


def close_session(session: Session | None) -> None:
    """Removes a session's files; for Gradio to call when it deletes the state."""
    if session is not None:
        session.folder.remove()
        session.shared.remove()
