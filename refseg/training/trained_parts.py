"""Which parameters a phase of training changes."""

from collections.abc import Sequence

from refseg.errors import DataError
from refseg.models.system import ReadsVideos, System
from refseg.training.recipe import Phase


def choose_trained(network: System, phase: Phase) -> None:
    """Set the training mode and the parameters that the phase changes. A phase of clips does not change the answers for
    single images by a bit.

    A frozen backbone is in evaluation mode, so that its normalization statistics do not change.
    """
    trains_backbone = phase.backbone_rate > 0 and phase.task != "clips"
    network.train()
    network.requires_grad_(phase.task != "clips" and not phase.trained)
    for name, parameter in network.named_parameters():
        if _is_below(name, phase.trained):
            parameter.requires_grad_(True)
        if _is_below(name, phase.frozen):
            parameter.requires_grad_(False)
    for name, module in network.named_modules():
        if name.rpartition(".")[2] == "backbone":
            module.train(trains_backbone).requires_grad_(trains_backbone)
    if phase.task == "clips":
        if not isinstance(network, ReadsVideos):
            raise DataError(
                "a phase of clips needs a system that reads videos, got one for images: choose another network in the"
                " recipe"
            )
        try:
            parameters = network.clip_parameters()
        except ValueError as error:
            raise DataError(f"a phase of clips: {error}") from error
        for parameter in parameters:
            parameter.requires_grad_(True)


def _is_below(name: str, modules: Sequence[str]) -> bool:
    """Whether a parameter is one of the modules or belongs to one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)
