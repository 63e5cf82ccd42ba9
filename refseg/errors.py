"""Exceptions of refseg. Each message says what is wrong, what was expected, and what to do."""


class RefsegError(Exception):
    """Base class of all exceptions of this package."""


class InputError(RefsegError):
    """Argument or input that cannot be used. The command line exits with status 2."""


class ExpressionError(InputError):
    """Expression that has no words, is too long, or is not text."""


class ImageError(InputError):
    """Image that cannot be read or is too large."""


class VideoError(InputError):
    """Video that cannot be read, or a selection of frames that is empty or impossible."""


class DataError(InputError):
    """Dataset, recipe or file of initial weights that is missing or invalid."""


class ProjectError(InputError):
    """Annotation project that cannot be read or written."""


class ConflictError(ProjectError):
    """Image of a project that was saved by somebody else after it was opened."""


class CheckpointError(InputError):
    """Checkpoint that is missing, invalid, or of another network."""


class HubError(InputError):
    """Hub repository that cannot be used."""


class UnreachableError(HubError):
    """Hub that does not respond: no network, an unknown host name, or a server error."""


class DeviceError(InputError):
    """Device or precision that this machine does not have."""


class UnavailableError(RefsegError):
    """Optional package that is not installed."""
