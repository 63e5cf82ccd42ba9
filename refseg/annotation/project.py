"""A project: a folder that a person can read, in which every saved change survives a crash.

    PROJECT/project.json              format, version, name
    PROJECT/pictures/NAME             the pictures (those that are copied in; others are linked by their absolute path)
    PROJECT/annotations/NAME.json     one record a picture: states, masks as COCO run lengths, expressions
    PROJECT/index.json                states and sizes at a glance; made again where it is missing or older than a record
    PROJECT/.lock                     held while something is written, by one window of one program at a time

A record is written to a temporary file, flushed to the disk and renamed: a reader finds the old one or the new one, whatever happens. Its revision
grows with every save, and a save that does not know the last one is refused, so that two windows cannot undo each other's work unnoticed.
"""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from refseg.annotation.names import free_name, name_key
from refseg.annotation.records import STATES, AnnotatedImage, State, image_from_json, image_to_json, moment
from refseg.annotation.storage import alone, explained, is_file, read_json, write_json
from refseg.errors import ConflictError, ImageError, ProjectError
from refseg.files import replacing
from refseg.images import picture_size

FORMAT, VERSION = "refseg-project", 1
PROJECT, IMAGES, ANNOTATIONS, INDEX = "project.json", "pictures", "annotations", "index.json"


@dataclass(frozen=True)
class ImageSummary:
    """A picture in the list: what is shown of it without opening its record."""

    name: str
    state: State
    annotations: int
    uncertainty: float
    added: str


class Project:
    """An open project. Holds no record: each is read when it is asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._entries: dict[str, tuple[int, int, ImageSummary]] = {}  # name -> time and size of its record's file, and what it says
        self._taken: set[str] = set()  # names in one case: file systems may not tell A from a
        self.damaged: dict[str, str] = {}  # pictures that are left out, as their records cannot be read -> what is wrong with it
        self.refresh()

    @classmethod
    def create(cls, folder: str | Path, name: str = "") -> Project:
        """A new project in a folder that is empty or does not exist. Raises ProjectError."""
        folder = Path(folder)
        if (folder / PROJECT).exists():
            raise ProjectError(f"{folder} is a project already: open it, or choose another folder")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ProjectError(f"{folder} is not empty, expected a new or an empty folder: choose another")
        with explained(folder):
            for part in (IMAGES, ANNOTATIONS):
                (folder / part).mkdir(parents=True, exist_ok=True)
            write_json(folder / PROJECT, {"format": FORMAT, "version": VERSION, "name": name or folder.name})
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Raises ProjectError for a folder that is no project, or one of a newer refseg."""
        folder = Path(folder)
        values = read_json(folder / PROJECT, f"{folder} is no project")
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ProjectError(f"{folder / PROJECT} is not of a refseg project: choose another folder")
        version = values.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
            raise ProjectError(f"{folder} has the version {version!r}, expected at most {VERSION}: open it with a newer refseg")
        name = str(values.get("name") or folder.name)[:200]
        return cls(folder, name.encode("utf-8", "replace").decode("utf-8"))  # JSON can hold halves of characters, files cannot

    @property
    def summaries(self) -> list[ImageSummary]:
        """All pictures, in the order in which they were added, as the list shows them."""
        return sorted((entry for _, _, entry in self._entries.values()), key=lambda entry: (entry.added, entry.name))

    def summary(self, name: str) -> ImageSummary | None:
        """A picture as the list shows it; None for one that is not there."""
        known = self._entries.get(name)
        return None if known is None else known[2]

    def queue(self, states: Sequence[State] = STATES, uncertain_first: bool = False) -> list[ImageSummary]:
        """The pictures in some states; by the model's uncertainty where wanted."""
        chosen = [entry for entry in self.summaries if entry.state in states]
        return sorted(chosen, key=lambda entry: -entry.uncertainty) if uncertain_first else chosen

    def add_image(
        self, path: str | Path, copy: bool = True, *, name: str = "", filled: Callable[[AnnotatedImage], AnnotatedImage] | None = None
    ) -> AnnotatedImage:
        """Take a picture into the project, copied or linked; its name, or the one given, is kept if it is free and every file system takes it.
        Raises ImageError or ProjectError.

        filled: adds what is known of the picture already, such as its masks, so that all of it comes with one write; where it raises, nothing is added.
        """
        path = Path(path)
        height, width = picture_size(path)
        with alone(self.folder):
            name = free_name(name or path.name, self.is_taken)
            record = AnnotatedImage(name, f"{IMAGES}/{name}" if copy else str(path.resolve()), height, width, added=moment())
            if filled is not None:
                record = _readable(filled(record))
            if copy:
                with replacing(self.folder / IMAGES / name) as temporary:
                    shutil.copyfile(path, temporary)
            return self._write(record)

    def record(self, name: str) -> AnnotatedImage:
        """What is known of a picture. Raises ProjectError for one that is not there or whose file is damaged."""
        path = self._path(name)
        record = self._parsed(path)
        if record.name != name:
            raise ProjectError(f"{path} is the record of {record.name!r}, expected {name!r}: rename the file back")
        return record

    def image_path(self, record: AnnotatedImage) -> Path:
        """Where the picture is. Raises ImageError where it is no longer there."""
        path = self._place(record)
        if not is_file(path):
            raise ImageError(f"the picture {path} is gone: put it back, or remove {record.name} from the project")
        return path

    def save(self, record: AnnotatedImage) -> AnnotatedImage:
        """Write a record; returns it with its new revision, on disk when this returns.

        Raises ConflictError where the picture was saved meanwhile by somebody who did not know of this change, ProjectError where it cannot be written.
        """
        (saved,) = self.save_all([record])
        return saved

    def save_all(self, records: Sequence[AnnotatedImage]) -> list[AnnotatedImage]:
        """The same for several pictures: nothing is written before all of them may be. Raises what `save` raises."""
        for record in records:
            _readable(record)
        with alone(self.folder):
            for record in records:
                self._check_revision(record)
            return [self._write(record) for record in records]

    def holds(self, name: str) -> bool:
        """Whether the project has a picture of that name at this moment, also where another window has added or removed it."""
        return self._path(name).is_file()

    def is_taken(self, name: str) -> bool:
        """Whether an image of the project has this name, or one that some file system does not tell from it."""
        return name_key(name) in self._taken or self._path(name).exists()  # another window may have added one since

    def remove_images(self, names: Iterable[str]) -> None:
        """Take pictures out of the project, their copies with them."""
        for name in names:
            with alone(self.folder):
                self._remove(self.record(name))
        self.refresh()

    def remove(self, record: AnnotatedImage) -> None:
        """The same for a picture as it was last seen. Raises ConflictError where somebody has worked on it since."""
        with alone(self.folder):
            self._check_revision(record)
            self._remove(record)
        self.refresh()

    def delete(self) -> None:
        """Delete the project's folder with everything in it. Raises ProjectError."""
        with explained(self.folder):
            shutil.rmtree(self.folder)

    def _remove(self, record: AnnotatedImage) -> None:
        self._path(record.name).unlink()
        copy = self.folder / record.file
        if self._inside(record.file) and is_file(copy):
            copy.unlink(missing_ok=True)

    def _check_revision(self, record: AnnotatedImage) -> None:
        known = self.record(record.name)
        # The picture may have been removed, and another one added under its name.
        if (known.revision, known.added) != (record.revision, record.added):
            raise ConflictError(
                f"{record.name} was changed in another window (its revision is {known.revision}, this one has {record.revision}): reload the picture"
            )

    def _place(self, record: AnnotatedImage) -> Path:
        if not Path(record.file).is_absolute() and not self._inside(record.file):
            raise ProjectError(f"the record of {record.name} points outside the project ({record.file}): mend it")
        return self.folder / record.file

    def _inside(self, file: str) -> bool:
        """Whether a picture is a copy that belongs to the project, rather than one that is linked, or that a damaged record points to."""
        try:
            return not Path(file).is_absolute() and (self.folder / file).resolve().is_relative_to(self.folder.resolve())
        except (OSError, ValueError):  # no name that a file can have
            return False

    def _write(self, record: AnnotatedImage) -> AnnotatedImage:
        saved = replace(record, revision=record.revision + 1)
        path = self._path(record.name)
        write_json(path, image_to_json(saved))
        self._note(path, saved)
        return saved

    def _note(self, path: Path, record: AnnotatedImage) -> None:
        status = path.stat()
        self._taken.add(name_key(record.name))
        self._entries[record.name] = status.st_mtime_ns, status.st_size, _entry_of(record)

    def refresh(self) -> None:
        """Look for what other windows have changed, or a crash has left: only records that are newer than what is known of them are read.

        One that is damaged keeps nobody from the others: it stays where it is, and `damaged` tells of it.
        """
        known = self._entries or _read_index(self.folder / INDEX)
        found: dict[str, tuple[int, int, ImageSummary]] = {}
        damaged: dict[str, str] = {}
        stale = False
        with os.scandir(self.folder / ANNOTATIONS) as files:
            for file in files:
                if not file.name.endswith(".json") or file.name.startswith("."):
                    continue
                status, name = file.stat(), unicodedata.normalize("NFC", file.name.removesuffix(".json"))
                before = known.get(name)
                if before is None or before[:2] != (status.st_mtime_ns, status.st_size):
                    try:
                        before = status.st_mtime_ns, status.st_size, _entry_of(self.record(name))
                    except ProjectError as error:
                        damaged[name] = str(error)
                        continue
                    stale = True
                found[name] = before
        self._entries, self.damaged = found, dict(sorted(damaged.items()))
        self._taken = {name_key(name) for name in (*found, *damaged)}
        if stale or len(found) != len(known):
            self.write_index()

    def write_index(self) -> None:
        """So that the next opening reads one file. It is never relied on: losing it costs a moment."""
        rows = {
            name: [time, size, entry.state, entry.annotations, entry.uncertainty, entry.added]
            for name, (time, size, entry) in self._entries.items()
        }
        try:
            with replacing(self.folder / INDEX) as temporary:
                temporary.write_text(json.dumps(rows), encoding="utf-8")
        except OSError:
            return

    def _path(self, name: str) -> Path:
        if Path(name).name != name or name.startswith("."):
            raise ProjectError(f"got the picture name {name[:80]!r}, expected the name of a file without folders")
        return self.folder / ANNOTATIONS / f"{name}.json"

    def _parsed(self, path: Path) -> AnnotatedImage:
        try:
            return image_from_json(read_json(path, "there is no such picture in the project"))
        except ProjectError as error:
            raise ProjectError(f"{path.name}: {error}") from error


def _entry_of(record: AnnotatedImage) -> ImageSummary:
    return ImageSummary(record.name, record.state, len(record.annotations), record.uncertainty, record.added)


def _readable(record: AnnotatedImage) -> AnnotatedImage:
    """What could not be read again must not be written. Raises ProjectError."""
    try:
        image_from_json(image_to_json(record))
    except ProjectError as error:
        raise ProjectError(f"cannot save {record.name}: {error}") from error
    return record


def _read_index(path: Path) -> dict[str, tuple[int, int, ImageSummary]]:
    """Nothing where there is none or it is damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): (
                int(time),
                int(size),
                ImageSummary(str(name), STATES[STATES.index(state)], int(annotations), float(uncertainty), str(added)),
            )
            for name, (time, size, state, annotations, uncertainty, added) in rows.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
