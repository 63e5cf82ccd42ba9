"""What can go wrong, as one tree: every message says what was got, what was expected and what to do."""


class RefsegError(Exception):
    """Base of all errors of this package."""


class InputError(RefsegError):
    """An argument or an input that cannot be used; the command line exits with status 2."""


class ExpressionError(InputError):
    """An expression without words, too long, or not text."""


class ImageError(InputError):
    """A picture that cannot be read or is too large."""


class VideoError(InputError):
    """A clip that cannot be read, or a choice of frames that cannot be met."""


class DataError(InputError):
    """A data set, recipe or file of initial weights that is missing or malformed."""


class ProjectError(InputError):
    """An annotation project that cannot be read or written."""


class ConflictError(ProjectError):
    """A picture of a project that somebody else has saved meanwhile."""


class CheckpointError(InputError):
    """A checkpoint that is missing, malformed or of another network."""


class HubError(InputError):
    """A model repository that cannot be used."""


class UnreachableError(HubError):
    """The Hub gives no answer: no network, a name that does not resolve, or a server error."""


class DeviceError(InputError):
    """A device or precision that is not available here."""


class UnavailableError(RefsegError):
    """An optional part is not installed here."""
