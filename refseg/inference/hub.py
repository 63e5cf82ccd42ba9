"""Models on the Hugging Face Hub: by name to a folder, and a folder to a repository.

Only the files of a checkpoint are requested, by their fixed names, so no other file of a repository (pickles,
odd paths) is downloaded. `load_checkpoint` checks the download like any other folder.
"""

import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from refseg.errors import CheckpointError, HubError, UnreachableError
from refseg.inference.checkpoint import (
    CARD,
    CONFIG,
    DEFAULT_MODEL,
    EMBEDDED,
    MAX_BYTES,
    PICKLES,
    VOCABULARY,
    WEIGHTS,
    load_checkpoint,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

NEEDED = (CONFIG, WEIGHTS, VOCABULARY)
TIMEOUT = 10.0  # seconds for each request about a repository; downloads have no limit
MAIN = "main"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_MODEL = re.compile(rf"({_PART}/{_PART})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?")
T = TypeVar("T")

log = logging.getLogger("refseg")


@dataclass(frozen=True)
class ModelSource:
    """A model's folder, its name in results, and the requested revision on the Hub (None for a local folder)."""

    folder: Path
    name: str
    revision: str | None = None


def resolve_model(model: str | Path | None) -> ModelSource:
    """Find the folder of a model on this machine.

    model: a checkpoint folder, the name of an embedded model (see `embedded_models`), a Hub repository
    `user/name[@revision]`, or None for the default embedded model. A folder comes before a repository of the same name.
    Without network the cached copy of that repository and revision is used, with a warning; it is never replaced by
    another model. Raises HubError for a repository that does not exist or has no such model, UnreachableError (a
    HubError) for one that is neither cached nor reachable, CheckpointError for anything else.
    """
    if model is None:
        return ModelSource(EMBEDDED / DEFAULT_MODEL, "embedded")
    folder = Path(model)
    if isinstance(model, Path) or _exists(folder.is_dir):
        return ModelSource(folder, folder.resolve().name)
    if _exists(folder.exists):
        raise CheckpointError(
            f"the model {model!r} is a file, expected a folder with {CONFIG}, {WEIGHTS} and {VOCABULARY}, or"
            " user/name[@revision]"
        )
    if model in embedded_models():
        return ModelSource(EMBEDDED / model, model)
    if not _MODEL.fullmatch(model):
        raise CheckpointError(
            f"there is no model {model!r}: expected a folder, one of the embedded models"
            f" ({', '.join(embedded_models())}), or a repository on the Hub, user/name or user/name@revision"
        )
    repository, revision = parse_repository(model)
    return ModelSource(pull(repository, revision), model, revision)


def embedded_models() -> list[str]:
    """Names of the models that come with refseg."""
    return sorted(config.parent.name for config in EMBEDDED.glob(f"*/{CONFIG}"))


def _exists(question: Callable[[], bool]) -> bool:
    """The answer of a path's `exists` or `is_dir`; False for text that cannot be a path (too long, a zero byte)."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def parse_repository(name: str) -> tuple[str, str]:
    """(user/name, revision) of `user/name[@revision]`, `main` where none is given. Raises HubError."""
    match = _MODEL.fullmatch(name)
    if match is None or ".." in name or "--" in name:
        raise HubError(f"the repository is {name!r}, expected user/name or user/name@revision")
    return match[1], match[2] or MAIN


def pull(repository: str, revision: str = MAIN, *, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """Download the files of a model that are not in the cache, and return its folder there. Progress is shown on
    standard error.

    endpoint, cache: None for those of the Hub and of its client.  Without network the cached copy is used, with a
    warning. Raises HubError when the repository, the revision or the model in it does not exist, or its files are too
    large; UnreachableError (a HubError) without network and without an earlier download.
    """
    try:
        info = _call_hub(
            lambda: _api(endpoint).model_info(repository, revision=revision, files_metadata=True, timeout=TIMEOUT),
            repository,
            revision,
        )
        _check_listing(repository, info)
        folder = _call_hub(lambda: _snapshot(repository, revision, endpoint, cache), repository, revision)
    except UnreachableError as error:
        kept = _cached(repository, revision, endpoint, cache)
        if kept is None:
            raise UnreachableError(
                f"{error}. This machine has no folder of that name and no cached copy of {repository}@{revision}"
            ) from error
        log.warning("%s. The cached copy of %s@%s is used, commit %s", error, repository, revision, kept.name[:12])
        return kept
    for name in NEEDED:
        if not (folder / name).is_file():
            raise HubError(f"the download of {repository}@{revision} is incomplete ({name} is missing): try again")
    return folder


def push(
    folder: Path | str,
    repository: str,
    *,
    private: bool = False,
    revision: str = MAIN,
    token: str | None = None,
    message: str = "Upload a refseg model",
    endpoint: str | None = None,
) -> str:
    """Create the repository if it does not exist, and commit the checkpoint's files to it; returns the address of the
    commit.

    The folder is loaded first, so that only a model that others can load is uploaded. token: None for that of the
    client's login or HF_TOKEN. Raises CheckpointError for an unusable folder, HubError when the Hub refuses or cannot
    be reached.
    """
    from huggingface_hub import CommitOperationAdd

    folder = Path(folder)
    load_checkpoint(folder)
    names = [name for name in (*NEEDED, CARD) if (folder / name).is_file()]
    names += [
        image.name for image in sorted(folder.glob("*.png")) if image.stat().st_size <= MAX_BYTES[CARD]
    ]  # what the card shows
    api = _api(endpoint, token)

    def upload() -> str:
        api.create_repo(repository, private=private, exist_ok=True)
        if revision != MAIN:
            api.create_branch(repository, branch=revision, exist_ok=True)
        # New objects for each commit: the client marks them as used.
        additions = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about metadata that a model card lacks
            return str(api.create_commit(repository, additions, commit_message=message, revision=revision).commit_url)

    return _call_hub(upload, repository, revision)


def _api(endpoint: str | None, token: str | None = None) -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint, token=token, library_name="refseg")


def _snapshot(repository: str, revision: str, endpoint: str | None, cache: Path | None, local: bool = False) -> Path:
    from huggingface_hub import snapshot_download

    folder = snapshot_download(
        repository,
        revision=revision,
        allow_patterns=[*NEEDED, CARD],
        cache_dir=cache,
        endpoint=endpoint,
        etag_timeout=TIMEOUT,
        local_files_only=local,
        library_name="refseg",
    )
    return Path(str(folder))


def _cached(repository: str, revision: str, endpoint: str | None, cache: Path | None) -> Path | None:
    """The folder of an earlier, complete download."""
    try:
        folder = _snapshot(repository, revision, endpoint, cache, local=True)
    except (OSError, ValueError):
        return None
    return folder if all((folder / name).is_file() for name in NEEDED) else None


def _check_listing(repository: str, info: "ModelInfo") -> None:
    """Check before the download that the repository has a refseg model of a permitted size. Raises HubError."""
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    if missing := [name for name in NEEDED if name not in sizes]:
        pickled = sorted(name for name in sizes if Path(name).suffix in PICKLES)
        hint = f" ({pickled[0][:60]} may hold pickled code and is never opened)" if pickled else ""
        raise HubError(f"{repository} has no {missing[0]}{hint}: expected a refseg model with {', '.join(NEEDED)}")
    for name in (*NEEDED, CARD):
        size = sizes.get(name)
        if size is not None and size > MAX_BYTES[name]:
            raise HubError(
                f"{repository}: {name} has {size} bytes, expected at most {MAX_BYTES[name]}: it is not downloaded"
            )


def _call_hub(call: Callable[[], T], repository: str, revision: str) -> T:
    """Run a call of the Hub's client; its errors become HubError, or UnreachableError if a later attempt may
    succeed.
    """
    try:
        return call()
    except Exception as error:
        translated = _translated(error, repository, revision)
        if translated is None:
            raise
        raise translated from error


def _translated(error: BaseException, repository: str, revision: str) -> HubError | None:
    """The HubError for an error of the client; None for an error that is not about the Hub."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return HubError(
            f"{repository} asks for its conditions to be accepted on its page first, and for a login (HF_TOKEN)"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"no repository {repository} on the Hub that this machine has access to, and no folder of that name here:"
            " check the name, or log in (HF_TOKEN)"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{repository} has no revision {revision!r}: expected a branch, tag or commit of it")
    if isinstance(error, errors.HFValidationError):
        return HubError(f"the Hub does not accept the name {repository}@{revision}: {_first_line(error)}")
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error.response.status_code, repository, _first_line(error))
    if isinstance(error, errors.LocalEntryNotFoundError):
        return _unreachable(repository, "no connection")
    # The client's transport library depends on its version (httpx, httpx2): its errors are recognized by their module.
    if isinstance(error, (ConnectionError, TimeoutError)) or _from_transport(error):
        return _unreachable(repository, _first_line(error) or type(error).__name__)
    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # a failed upload of one file
        return _translated(error.__cause__, repository, revision)
    if isinstance(error, (OSError, ValueError)):
        return HubError(f"{repository} cannot be transferred: {_first_line(error)}")
    return None


def _refused(status: int, repository: str, reason: str) -> HubError:
    if status in (401, 403):
        return HubError(
            f"the Hub refuses access to {repository} (status {status}): log in, or set HF_TOKEN to a token that may do"
            " this"
        )
    if status >= 500 or status in (408, 429):
        return _unreachable(repository, f"it answers with status {status}")
    return HubError(f"the Hub refuses the request about {repository} (status {status}): {reason}")


def _unreachable(repository: str, reason: str) -> UnreachableError:
    return UnreachableError(
        f"cannot reach the Hub for {repository} ({reason}): expected an answer, check the name and the network"
    )


def _from_transport(error: BaseException) -> bool:
    modules: set[Any] = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"httpx", "httpx2", "requests", "urllib3", "httpcore"})


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]
