"""A project: a folder that users can read and copy, in which every saved change survives a crash.

    PROJECT/project.json              format, version, name
    PROJECT/images/NAME               copies of the images; "pictures" in projects that an older refseg created
    PROJECT/annotations/NAME.json     one record for each image: state, annotations with masks as COCO run lengths
    PROJECT/index.json                a cache of what the image list shows; rebuilt if it is missing or out of date
    PROJECT/.lock                     locked during each write, by one window of one program at a time

Records are written atomically. Each save increments a record's revision, and a save that is based on an older revision
is refused, so that two windows do not overwrite each other's work.

Projects of version 1 are read as they are. The first save into one raises its version, because older programs cannot
read the records that are written then.
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from refseg.annotation.image_index import ImageSummary, IndexedImage, read_index, write_index
from refseg.annotation.names import free_name, name_key
from refseg.annotation.record_json import VERSION, image_from_json, image_to_json, validate_image
from refseg.annotation.records import STATES, AnnotatedImage, State, precise_utc_now
from refseg.annotation.storage import is_file, load_json, locked_project, reported_write_errors, save_json
from refseg.errors import ConflictError, ImageError, ProjectError
from refseg.files import replacing
from refseg.images import read_image_size

FORMAT = "refseg-project"
PROJECT, IMAGES, ANNOTATIONS, INDEX = "project.json", "images", "annotations", "index.json"
_IMAGES_BEFORE = "pictures"  # the folder of images in projects of version 1


class Project:
    """An open project. Keeps summaries of its images in memory; reads a record each time that it is needed.

    folder: of the project.  name: for users.
    damaged: images whose records cannot be read -> why. They are not listed.
    """

    def __init__(self, folder: Path, name: str, version: int = VERSION) -> None:
        self.folder, self.name = folder, name
        self._version = version
        self._summaries: dict[str, IndexedImage] = {}
        self._taken: set[str] = set()  # keys of all names, see `name_key`
        self.damaged: dict[str, str] = {}
        self.refresh()

    @classmethod
    def create(cls, folder: str | Path, name: str = "") -> Project:
        """Creates a project in a folder that is empty or does not exist. Raises ProjectError."""
        folder = Path(folder)
        if (folder / PROJECT).exists():
            raise ProjectError(
                f"{folder} is a project already. Expected a new or an empty folder. Open it, or choose another folder."
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ProjectError(f"{folder} is not empty. Expected a new or an empty folder. Choose another.")
        with reported_write_errors(folder):
            for part in (IMAGES, ANNOTATIONS):
                (folder / part).mkdir(parents=True, exist_ok=True)
            save_json(folder / PROJECT, {"format": FORMAT, "version": VERSION, "name": name or folder.name})
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Opens a project. Raises ProjectError if the folder is not one, or one of a newer refseg."""
        folder = Path(folder)
        values = _project_values(folder)
        version = values.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
            raise ProjectError(
                f"{folder} has the project version {version!r}. Expected at most {VERSION}. Open it with a newer"
                " refseg."
            )
        name = str(values.get("name") or folder.name)[:200]
        # JSON can hold surrogates, which UTF-8 cannot.
        return cls(folder, name.encode("utf-8", "replace").decode("utf-8"), version)

    @property
    def images_folder(self) -> Path:
        """Where copies of images are stored."""
        before = self.folder / _IMAGES_BEFORE
        return before if before.is_dir() else self.folder / IMAGES

    @property
    def summaries(self) -> list[ImageSummary]:
        """All images, in the order in which they were added."""
        return sorted(
            (summary for _, _, summary in self._summaries.values()), key=lambda summary: (summary.added, summary.name)
        )

    def summary(self, name: str) -> ImageSummary | None:
        """The summary of an image; None if the project does not list it."""
        known = self._summaries.get(name)
        return None if known is None else known[2]

    def summaries_in(self, states: Sequence[State] = STATES, uncertain_first: bool = False) -> list[ImageSummary]:
        """Images in these states, in the order in which they were added, or the most uncertain first."""
        chosen = [summary for summary in self.summaries if summary.state in states]
        return sorted(chosen, key=lambda summary: -summary.uncertainty) if uncertain_first else chosen

    def add_image(
        self,
        path: str | Path,
        copy: bool = True,
        *,
        name: str = "",
        filled: Callable[[AnnotatedImage], AnnotatedImage] | None = None,
    ) -> AnnotatedImage:
        """Adds an image. Returns its record. Raises ImageError or ProjectError.

        copy: whether to copy the file into the project; otherwise it is linked.
        name: for the image, instead of the file's. It is altered if it is taken, or if some file system refuses it.
        filled: returns the record with what is known of the image, such as its masks, for one write of everything.
        If it raises, nothing is added.
        """
        path = Path(path)
        height, width = read_image_size(path)
        with locked_project(self.folder):
            name = free_name(name or path.name, self.is_taken)
            place = self.images_folder / name
            file = place.relative_to(self.folder).as_posix() if copy else str(path.resolve())
            record = AnnotatedImage(name, file, height, width, added=precise_utc_now())
            if filled is not None:
                record = _check_savable(filled(record))
            if copy:
                place.parent.mkdir(exist_ok=True)  # an archive of a project may lack an empty folder
                with replacing(place) as temporary:
                    shutil.copyfile(path, temporary)
            return self._write(record)

    def record(self, name: str) -> AnnotatedImage:
        """Reads the record of an image. Raises ProjectError if it does not exist or is damaged."""
        path = self._record_path(name)
        try:
            record = image_from_json(load_json(path, "The project has no such image."))
        except ProjectError as error:
            raise ProjectError(f"{path.name}: {error}") from error
        if record.name != name:
            raise ProjectError(
                f"{path} is the record of {record.name!r}. Expected {name!r}. Undo the renaming of the file."
            )
        return record

    def image_path(self, record: AnnotatedImage) -> Path:
        """The image's file. Raises ImageError if it is missing, ProjectError for a path that leaves the project."""
        if not Path(record.file).is_absolute() and not self._is_inside(record.file):
            raise ProjectError(
                f"The record of {record.name} names the file {record.file}. Expected a file inside the project. Fix the"
                " record."
            )
        path = self.folder / record.file
        if not is_file(path):
            raise ImageError(f"The image {path} is missing. Put it back, or remove {record.name} from the project.")
        return path

    def save(self, record: AnnotatedImage) -> AnnotatedImage:
        """Writes a record. Returns it with its new revision; it is on the disk then.

        Raises ConflictError if the record on disk has another revision, ProjectError if it cannot be written.
        """
        (saved,) = self.save_all([record])
        return saved

    def save_all(self, records: Sequence[AnnotatedImage]) -> list[AnnotatedImage]:
        """Writes several records, or none if one of them has a conflict. Raises what `save` raises."""
        for record in records:
            _check_savable(record)
        with locked_project(self.folder):
            for record in records:
                self._check_revision(record)
            return [self._write(record) for record in records]

    def has_image(self, name: str) -> bool:
        """Whether the image exists on disk now, even if another window has just added or removed it."""
        return self._record_path(name).is_file()

    def is_taken(self, name: str) -> bool:
        """Whether an image has this name, or one that some file system treats as the same."""
        return name_key(name) in self._taken or self._record_path(name).exists()  # another window may have added one

    def remove_images(self, names: Iterable[str]) -> None:
        """Removes images and their copies from the project."""
        for name in names:
            with locked_project(self.folder):
                self._remove(self.record(name))
        self.refresh()

    def remove(self, record: AnnotatedImage) -> None:
        """Removes an image and its copy. Raises ConflictError if the record on disk has another revision."""
        with locked_project(self.folder):
            self._check_revision(record)
            self._remove(record)
        self.refresh()

    def delete(self) -> None:
        """Deletes the project's folder with everything in it. Raises ProjectError."""
        with reported_write_errors(self.folder):
            shutil.rmtree(self.folder)

    def refresh(self) -> None:
        """Reads the records that have changed on disk since they were last read, and updates the summaries.

        A damaged record stays where it is and is listed in `damaged`.
        """
        known = self._summaries or read_index(self.folder / INDEX)
        found: dict[str, IndexedImage] = {}
        damaged: dict[str, str] = {}
        is_stale = False
        with os.scandir(self.folder / ANNOTATIONS) as files:
            for file in files:
                if not file.name.endswith(".json") or file.name.startswith("."):
                    continue
                status, name = file.stat(), unicodedata.normalize("NFC", file.name.removesuffix(".json"))
                before = known.get(name)
                if before is None or before[:2] != (status.st_mtime_ns, status.st_size):
                    try:
                        summary = ImageSummary.of(self.record(name))
                        before = IndexedImage(status.st_mtime_ns, status.st_size, summary)
                    except ProjectError as error:
                        damaged[name] = str(error)
                        continue
                    is_stale = True
                found[name] = before
        self._summaries, self.damaged = found, dict(sorted(damaged.items()))
        self._taken = {name_key(name) for name in (*found, *damaged)}
        if is_stale or len(found) != len(known):
            self.write_index()

    def write_index(self) -> None:
        """Writes the cache from which the next opening is fast."""
        write_index(self.folder / INDEX, self._summaries)

    def _remove(self, record: AnnotatedImage) -> None:
        self._record_path(record.name).unlink()
        copy = self.folder / record.file
        if self._is_inside(record.file) and is_file(copy):
            copy.unlink(missing_ok=True)

    def _check_revision(self, record: AnnotatedImage) -> None:
        known = self.record(record.name)
        # The image may have been removed and another one added under its name.
        if (known.revision, known.added) != (record.revision, record.added):
            raise ConflictError(
                f"{record.name} was changed in another window. It has revision {known.revision} now, expected"
                f" {record.revision}. Reload the image."
            )

    def _is_inside(self, file: str) -> bool:
        """Whether a record's file is a copy inside the project. Linked images and damaged records name other places."""
        try:
            return not Path(file).is_absolute() and (self.folder / file).resolve().is_relative_to(self.folder.resolve())
        except (OSError, ValueError):  # a name that no file can have
            return False

    def _write(self, record: AnnotatedImage) -> AnnotatedImage:
        self._raise_version()
        saved = replace(record, revision=record.revision + 1)
        path = self._record_path(record.name)
        save_json(path, image_to_json(saved))
        status = path.stat()
        self._taken.add(name_key(saved.name))
        self._summaries[saved.name] = IndexedImage(status.st_mtime_ns, status.st_size, ImageSummary.of(saved))
        return saved

    def _raise_version(self) -> None:
        if self._version < VERSION:
            save_json(self.folder / PROJECT, {**_project_values(self.folder), "version": VERSION})
            self._version = VERSION

    def _record_path(self, name: str) -> Path:
        if Path(name).name != name or name.startswith("."):
            raise ProjectError(
                f"The image name is {name[:80]!r}. Expected a file name without folders. Choose another name."
            )
        return self.folder / ANNOTATIONS / f"{name}.json"


def _project_values(folder: Path) -> dict[str, Any]:
    """project.json. Raises ProjectError if the folder is not a project."""
    values = load_json(folder / PROJECT, f"{folder} is not a project.")
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ProjectError(
            f'{folder / PROJECT} has another format. Expected "format": "{FORMAT}". Choose another folder.'
        )
    return values


def _check_savable(record: AnnotatedImage) -> AnnotatedImage:
    """The record. Raises ProjectError if it could not be read again."""
    try:
        validate_image(record)
    except ProjectError as error:
        raise ProjectError(f"{record.name} cannot be saved: {error}") from error
    return record
