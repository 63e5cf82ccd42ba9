"""Shapes of the refinement, and that the picture's share can be computed once."""

from typing import cast

import pytest
import torch

from refseg.models.layers.refinement import WITHHELD, Refinement


def make() -> tuple[Refinement, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    return (
        Refinement(16, (5, 3), (16, 8)),
        torch.randn(2, 16, 4, 6),
        [torch.randn(2, 5, 8, 12), torch.randn(2, 3, 16, 24)],
    )


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
        torch.testing.assert_close(
            together[k : k + 1], refinement(features[k : k + 1], projected), rtol=1e-5, atol=1e-5
        )


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


def test_evidence_is_withheld_now_and_then_in_training_and_never_after() -> None:
    torch.manual_seed(0)
    refinement = Refinement(16, (5, 3), (16, 8), evidence=3)
    for join in refinement.evidence:
        torch.nn.init.normal_(cast(torch.nn.Conv2d, join).weight)
    count = 200
    features, evidence = (
        torch.randn(1, 16, 2, 2).expand(count, -1, -1, -1),
        torch.rand(1, 3, 8, 8).expand(count, -1, -1, -1),
    )
    details = refinement.project([torch.randn(1, 5, 4, 4), torch.randn(1, 3, 8, 8)])
    with torch.no_grad():
        without, given = refinement(features, details)[0], refinement.eval()(features, details, evidence)
        trained = refinement.train()(features, details, evidence)
    torch.testing.assert_close(given, given[:1].expand_as(given), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(without, given[0], atol=1e-2)
    withheld = torch.tensor([torch.allclose(one, without, atol=1e-4) for one in trained])
    torch.testing.assert_close(trained[~withheld], given[~withheld], rtol=1e-4, atol=1e-4)
    assert withheld.float().mean().item() == pytest.approx(WITHHELD, abs=0.1)


def test_one_width_for_each_detail() -> None:
    with pytest.raises(ValueError, match="zip"):
        Refinement(16, (5, 3), (16,))
