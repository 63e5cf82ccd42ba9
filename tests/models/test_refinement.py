"""Shapes of the refinement, and that the picture's share can be computed once."""

import pytest
import torch

from refseg.models.refinement import Refinement


def make() -> tuple[Refinement, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    return Refinement(16, (5, 3), (16, 8)), torch.randn(2, 16, 4, 6), [torch.randn(2, 5, 8, 12), torch.randn(2, 3, 16, 24)]


def test_four_times_the_grid() -> None:
    refinement, features, details = make()
    assert refinement.channels == 8
    assert [tuple(detail.shape) for detail in refinement.project(details)] == [(2, 16, 8, 12), (2, 8, 16, 24)]
    assert refinement(features, refinement.project(details)).shape == (2, 8, 16, 24)


def test_projected_details_are_shared_by_the_expressions_of_a_picture() -> None:
    refinement, features, details = make()
    projected = refinement.project([detail[:1] for detail in details])
    together = refinement(features, [detail.expand(2, -1, -1, -1) for detail in projected])
    for k in range(2):
        torch.testing.assert_close(together[k : k + 1], refinement(features[k : k + 1], projected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changed", ["features", "stride 8", "stride 4"])
def test_everything_given_matters(changed: str) -> None:
    refinement, features, details = make()
    before = refinement(features, refinement.project(details))
    given = {"features": features, "stride 8": details[0], "stride 4": details[1]}[changed]
    given.add_(torch.randn_like(given))
    assert not torch.allclose(refinement(features, refinement.project(details)), before, atol=1e-3)


def test_every_parameter_learns() -> None:
    refinement, features, details = make()
    refinement(features, refinement.project(details)).square().sum().backward()
    for name, parameter in refinement.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_one_width_for_each_detail() -> None:
    with pytest.raises(ValueError, match="zip"):
        Refinement(16, (5, 3), (16,))
