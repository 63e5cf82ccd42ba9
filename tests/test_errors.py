"""The exception classes, which decide the exit status of the command line."""

import inspect

from refseg import errors


def test_every_exception_is_a_documented_refseg_error() -> None:
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(classes) > 5
    for error in classes:
        assert issubclass(error, errors.RefsegError)
        assert error.__doc__


def test_errors_that_users_can_fix_are_input_errors() -> None:
    for error in (
        errors.ExpressionError,
        errors.ImageError,
        errors.DataError,
        errors.CheckpointError,
        errors.HubError,
        errors.DeviceError,
    ):
        assert issubclass(error, errors.InputError)
    assert not issubclass(errors.UnavailableError, errors.InputError)
