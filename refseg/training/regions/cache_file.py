"""The file in which a run keeps what it remembers of its pictures, and how it is told whose it is."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.files import replacing
from refseg.models.cmsa.network import ReferringNetwork
from refseg.models.regions.proposals import Regions
from refseg.training.recipe import Phase
from refseg.training.regions.cache import RegionMemory, RememberedPicture, View

FILE = "regions.safetensors"


def fingerprint(network: ReferringNetwork, sources: Sequence[TrainingSource], phase: Phase, seed: int) -> str:
    """Of everything that `remember` makes of pictures under these names: the backbone and how many regions it offers, what people wrote,
    the kinds of expressions, the size and the seed."""
    told = {
        "network": [network.config.backbone, network.config.regions],
        "image_size": phase.image_size,
        "seed": seed,
        "kinds": sorted(kind for kind, odds in phase.mix.items() if odds > 0),
        "sources": [[source.share, source.names, source.expressions] for source in sources if source.expressions],
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, value in network.backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_memory(memory: RegionMemory, folder: Path, mark: str) -> None:
    """Write what was remembered into one file of `folder`, so that a resumed run need not look at the pictures again; mark: its `fingerprint`."""
    tensors: dict[str, Tensor] = {}
    said = []
    for s, (pictures, share) in enumerate(memory.sources):
        for p, picture in enumerate(pictures):
            for v, view in enumerate(picture.views):
                named = {**view.regions._asdict(), "overlap": view.overlap}
                tensors |= {f"{s}/{p}/{v}/{name}": tensor.contiguous() for name, tensor in named.items()}
        said.append({"share": share, "pictures": [[[v.mirrored for v in p.views], p.offers, p.categories] for p in pictures]})
    with replacing(folder / FILE) as temporary:
        save_file(tensors, temporary, metadata={"said": json.dumps(said), "fingerprint": mark})


def load_memory(folder: Path, mark: str, *, unmarked: bool = False) -> RegionMemory | None:
    """What `save_memory` wrote with this mark, or None where there is nothing or something else. Raises DataError for a file that cannot be read.

    unmarked: take a file without mark, too, as it was written before there were marks.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            known = stored.metadata() or {}
            if known.get("fingerprint", mark if unmarked else None) != mark:
                return None
            said = json.loads(known["said"])
            return RegionMemory(
                [
                    ([_read_picture(stored, f"{s}/{p}", *picture) for p, picture in enumerate(source["pictures"])], float(source["share"]))
                    for s, source in enumerate(said)
                ]
            )
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise DataError(f"cannot read {path}: {error}; delete it and it is made again") from error


def _read_picture(
    stored: Any, place: str, mirrored: Sequence[bool], offers: dict[str, Any], categories: Sequence[str]
) -> RememberedPicture:
    def read(view: int, name: str) -> Tensor:
        tensor: Tensor = stored.get_tensor(f"{place}/{view}/{name}")
        return tensor

    return RememberedPicture(
        tuple(
            View(Regions(*(read(view, name) for name in Regions._fields)), read(view, "overlap"), bool(flag))
            for view, flag in enumerate(mirrored)
        ),
        {kind: [(tuple(texts), tuple(objects)) for texts, objects in said] for kind, said in offers.items()},
        tuple(categories),
    )
