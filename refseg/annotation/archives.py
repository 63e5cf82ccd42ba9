"""Data sets that arrive as a folder or as a zip, which is unpacked as untrusted input."""

from __future__ import annotations

import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from refseg.annotation.encodings import decode
from refseg.annotation.progress import ProgressCallback, no_progress, with_progress
from refseg.annotation.system_files import is_system_file
from refseg.errors import ProjectError

CHUNK = 1 << 20
# The other methods unpack a whole block at once, however large it is.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # bits of a member's flags
UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP puts the name in UTF-8
# A folder with such a name is part of the data set, not a wrapper around it.
SPLITS = frozenset(("train", "val", "valid", "validation", "test", "testing", "training", "trainval", "minival"))


@dataclass(frozen=True)
class Limits:
    """Limits of an archive.

    files: number of files.  size: bytes unpacked.  largest: bytes of one file.
    ratio: bytes unpacked for each byte of the archive, where at least `floor` bytes are allowed.
    """

    files: int = 200_000
    size: int = 20_000_000_000
    largest: int = 2_000_000_000
    ratio: float = 200.0
    floor: int = 100_000_000


LIMITS = Limits()
PUBLIC_LIMITS = Limits(
    files=20_000, size=1_000_000_000, largest=50_000_000
)  # an annotation file is held in memory, at several times its size


@contextmanager
def unpacked(
    path: Path,
    progress: ProgressCallback = no_progress,
    limits: Limits = LIMITS,
    guessed_names: list[str] | None = None,
) -> Iterator[Path]:
    """The folder of a data set: `path` itself, or what is in a zip, in a temporary folder that lasts as long as the
    block.

    guessed_names: receives the names of files whose encoding the zip does not state and that are not UTF-8, as they
    were read.

    If everything lies in one folder, it is that folder. What operating systems leave in archives is not unpacked.
    Raises ProjectError for what is neither, for names that lead out of the folder, links, duplicate names and
    encrypted files, and for more files or bytes than the limits allow: bytes are counted as they are read, whatever
    the archive says of itself.
    """
    if path.is_dir():
        yield _entered(path)
        return
    if not path.is_file():
        raise ProjectError(f"{path} does not exist. Expected a folder or a .zip. Check the path.")
    with tempfile.TemporaryDirectory(prefix="refseg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _reported_errors(path):
            archive = zipfile.ZipFile(path)
        with archive:
            guessed = _unpack(archive, folder, path, progress, limits)
        if guessed_names is not None:
            guessed_names.extend(guessed)
        yield _entered(folder)


def _unpack(
    archive: zipfile.ZipFile, folder: Path, path: Path, progress: ProgressCallback, limits: Limits
) -> list[str]:
    """Unpacks all files. Returns the names whose encoding was guessed."""
    members = archive.infolist()
    if len(members) > limits.files:
        raise ProjectError(f"{path.name} has {len(members)} files. Expected at most {limits.files}. Split it.")
    names, guessed = _names(members)
    placed = [(member, _place(member, name, path)) for member, name in zip(members, names, strict=True)]
    placed = [(member, parts) for member, parts in placed if not any(is_system_file(part) for part in parts)]
    allowed = min(limits.size, max(limits.floor, int(limits.ratio * path.stat().st_size)))
    left = allowed
    for member, parts in with_progress(placed, progress):
        with _reported_errors(path):
            written = _copy(archive, member, folder.joinpath(*parts), min(left, limits.largest))
        if written > limits.largest:
            raise ProjectError(
                f"{path.name} has the file {'/'.join(parts)[:200]!r} of more than {limits.largest:,} bytes. Expected"
                " smaller files. Split the data set."
            )
        left -= written
        if left < 0:
            raise ProjectError(
                f"{path.name} unpacks to more than {allowed:,} bytes. Expected a data set. Unpack it yourself if it is"
                " one."
            )
    return guessed


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Write one file; returns its bytes, and stops where they become more than are left."""
    if member.filename.endswith(("/", "\\")):
        place.mkdir(parents=True, exist_ok=True)
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    # "x" refuses a name that comes twice, and two that are one file on this system.
    with archive.open(member) as source, place.open("xb") as copy:
        while written <= left and (chunk := source.read(CHUNK)):
            written += len(chunk)
            copy.write(chunk)
    return written


@contextmanager
def _reported_errors(path: Path) -> Iterator[None]:
    """Turns errors of zipfile and of the file system into ProjectErrors that name the archive."""
    try:
        yield
    except FileExistsError as error:
        raise ProjectError(
            f"{path.name} has the file {Path(error.filename).name!r} twice. Expected each once. Create the archive"
            " again."
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ProjectError(
            f"{path.name} cannot be unpacked ({reason}). Expected a folder or an intact .zip. Create the archive again."
        ) from error
    except OSError as error:
        raise ProjectError(
            f"{path.name} cannot be unpacked ({error.strerror or error}). Free disk space, or unpack it yourself and"
            " choose the folder."
        ) from error


def _place(member: zipfile.ZipInfo, name: str, path: Path) -> list[str]:
    """Where a file of an archive goes: folders and name below the folder.

    Raises ProjectError for one that must not go anywhere.
    """
    # Some programs on Windows write backslashes between folders.
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    # `filename` is what zipfile makes of a name; the original may go on after a zero.
    if (
        "\0" in member.orig_filename
        or "\0" in name
        or re.match("[A-Za-z]:", name)
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise ProjectError(
            f"{path.name} has the name {name[:200]!r}. Expected names inside one folder. Create the archive again."
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ProjectError(f"{path.name} holds {name[:200]!r}, which is a link or no file at all: pack the file itself")
    if member.flag_bits & ENCRYPTED:
        raise ProjectError(f"{path.name} is encrypted: unpack it and give the folder")
    if member.compress_type not in METHODS:
        raise ProjectError(
            f"{path.name} is packed in an unusual way (method {member.compress_type}): pack it as an ordinary zip"
        )
    return parts


def _names(members: Sequence[zipfile.ZipInfo]) -> tuple[list[str], list[str]]:
    """The names of all files, and those of them whose encoding was guessed.

    Those that are not marked as UTF-8 often are; others are in the code page of the system that packed them.
    """
    raw = [None if member.flag_bits & UTF8_NAME else _raw_name(member) for member in members]
    encoding = name_encoding([data for data in raw if data is not None])
    names, guessed = [], []
    for member, data in zip(members, raw, strict=True):
        name = _unicode_path(member, data)
        if name is None:
            name = member.filename if data is None else data.decode(encoding)
            if data is not None and encoding != "utf-8" and not data.isascii():
                guessed.append(name)
        names.append(name)
    return names, guessed


def _raw_name(member: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name that zipfile has decoded as code page 437, which has a character for each byte; None if it
    has not.
    """
    try:
        return member.filename.encode("cp437")
    except UnicodeEncodeError:
        return None


def name_encoding(names: Sequence[bytes]) -> str:
    """The encoding of the names of one archive: UTF-8 if it is valid for all, GBK if it is likely, otherwise code page
    437, the format's own.
    """
    together = b"/".join(names)
    if (found := decode(together)[1]) in ("utf-8", "gbk"):
        try:
            for name in names:
                name.decode(found)
        except UnicodeDecodeError:
            return "cp437"
        return found
    return "cp437"


def _unicode_path(member: zipfile.ZipInfo, raw: bytes | None) -> str | None:
    """The name in the extra field of Info-ZIP, if it is there and belongs to this name."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and raw is not None and len(data) > 5 and data[0] == 1:
            if struct.unpack("<L", data[1:5])[0] != zlib.crc32(raw):
                return None
            try:
                return data[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def _entered(folder: Path) -> Path:
    """The one folder that holds everything, unless its name is that of a split; otherwise the folder itself."""
    inner = [entry for entry in folder.iterdir() if not is_system_file(entry.name)]
    is_wrapped = (
        len(inner) == 1 and inner[0].is_dir() and not inner[0].is_symlink() and inner[0].name.casefold() not in SPLITS
    )
    return inner[0] if is_wrapped else folder
