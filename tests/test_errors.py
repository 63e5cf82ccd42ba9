"""The tree of errors is what the command line's exit status hangs on."""

import inspect

from refseg import errors


def test_every_error_is_one_of_ours_and_documented() -> None:
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(classes) > 5
    for error in classes:
        assert issubclass(error, errors.RefsegError)
        assert error.__doc__


def test_what_a_user_can_mend_is_an_input_error() -> None:
    for error in (errors.ExpressionError, errors.ImageError, errors.DataError, errors.CheckpointError, errors.HubError, errors.DeviceError):
        assert issubclass(error, errors.InputError)
    assert not issubclass(errors.UnavailableError, errors.InputError)
