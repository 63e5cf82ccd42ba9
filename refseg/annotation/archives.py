"""Data sets that arrive as a folder or as a zip, which is unpacked with the distrust that a stranger's file deserves."""

from __future__ import annotations

import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from refseg.annotation.progress import Progress, followed, silent
from refseg.errors import ProjectError

CHUNK = 1 << 20
# The other methods give what a few bytes stand for at once, however much that is.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What some systems put beside the folder that was packed.
LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class Limits:
    """Of an archive: files in it; bytes unpacked, in all and of a single file; bytes unpacked for each byte of the archive, which counts from `floor` on."""

    files: int = 200_000
    size: int = 20_000_000_000
    largest: int = 2_000_000_000
    ratio: float = 200.0
    floor: int = 100_000_000


LIMITS = Limits()
STRANGERS = Limits(files=20_000, size=1_000_000_000, largest=50_000_000)  # an annotation file is held in memory, at several times its size


@contextmanager
def unpacked(path: Path, progress: Progress = silent, limits: Limits = LIMITS) -> Iterator[Path]:
    """The folder of a data set: `path` itself, or what is in a zip, in a temporary folder that lasts as long as the block.

    Where all of a zip lies in one folder, it is that folder. Raises ProjectError for what is neither, for names that lead out of the folder, links,
    names that come twice and encrypted files, and for more files or bytes than the limits allow: bytes are counted as they are read, whatever the
    archive says of itself.
    """
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise ProjectError(f"there is no data set {path}: expected a folder or a .zip")
    with tempfile.TemporaryDirectory(prefix="refseg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _explained(path):
            archive = zipfile.ZipFile(path)
        with archive:
            _unpack(archive, folder, path, progress, limits)
        yield _entered(folder)


def _unpack(archive: zipfile.ZipFile, folder: Path, path: Path, progress: Progress, limits: Limits) -> None:
    members = archive.infolist()
    if len(members) > limits.files:
        raise ProjectError(f"{path.name} holds {len(members)} files, expected at most {limits.files}: split it")
    places = [folder / _place(member, path) for member in members]
    allowed = min(limits.size, max(limits.floor, int(limits.ratio * path.stat().st_size)))
    left = allowed
    for member, place in followed(zip(members, places, strict=True), progress):
        with _explained(path):
            written = _copy(archive, member, place, min(left, limits.largest))
        if written > limits.largest:
            raise ProjectError(
                f"{path.name} holds {member.filename[:200]!r} of more than {limits.largest:,} bytes, expected smaller files: split the data set"
            )
        left -= written
        if left < 0:
            raise ProjectError(f"{path.name} unpacks to more than {allowed:,} bytes, expected a data set: unpack it by hand if it is one")


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Write one file; returns its bytes, and stops where they become more than are left."""
    if member.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    # "x" refuses a name that comes twice, and two that this system does not tell apart.
    with archive.open(member) as source, place.open("xb") as copy:
        while written <= left and (chunk := source.read(CHUNK)):
            written += len(chunk)
            copy.write(chunk)
    return written


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What zipfile raises for archives that are damaged or that it does not know, and the system for names and full disks, as ProjectError."""
    try:
        yield
    except FileExistsError as error:
        raise ProjectError(f"{path.name} holds {Path(error.filename).name!r} twice: pack it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ProjectError(f"{path.name} cannot be unpacked ({reason}): expected a folder or a .zip that is whole") from error
    except OSError as error:
        raise ProjectError(
            f"{path.name} cannot be unpacked ({error.strerror or error}): make room, or unpack it by hand and give the folder"
        ) from error


def _place(member: zipfile.ZipInfo, path: Path) -> str:
    """Where a file of an archive goes, relative to the folder. Raises ProjectError for one that must not go anywhere."""
    name = member.orig_filename  # `filename` is what zipfile makes of it
    parts = member.filename.rstrip("/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if "\\" in name or "\0" in name or re.match("[A-Za-z]:", name) or any(part in ("", ".", "..") for part in parts):
        raise ProjectError(f"{path.name} holds the name {name[:200]!r}, expected names inside one folder: pack it again")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ProjectError(f"{path.name} holds {name[:200]!r}, which is a link or no file at all: pack what it stands for")
    if member.flag_bits & 1:
        raise ProjectError(f"{path.name} is encrypted: unpack it and give the folder")
    if member.compress_type not in METHODS:
        raise ProjectError(f"{path.name} is packed in an unusual way (method {member.compress_type}): pack it as an ordinary zip")
    return "/".join(parts)


def _entered(folder: Path) -> Path:
    """The one folder that holds everything, else the folder itself."""
    inner = [entry for entry in folder.iterdir() if entry.name not in LITTER]
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder
