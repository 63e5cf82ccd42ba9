"""The file of a run's cached regions, and the fingerprint of its inputs."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.files import replacing
from refseg.models.regions.proposals import Regions
from refseg.models.system import System
from refseg.training.recipe import Phase
from refseg.training.regions.cache import CachedImage, CachedView, RegionCache

FILE = "regions.safetensors"
LAYOUT = 3  # of the file; a file of another layout is computed again


def fingerprint(system: System, sources: Sequence[TrainingSource], phase: Phase, seed: int) -> str:
    """A digest of everything that `build_cache` depends on: the detector and the number of regions, the expressions and
    their kinds, the size and the seed.
    """
    settings = {
        "layout": LAYOUT,
        "regions": getattr(system.config, "regions", 0),
        "image_size": phase.image_size,
        "seed": seed,
        "kinds": sorted(kind for kind, odds in phase.mix.items() if odds > 0),
        "sources": [[source.share, source.names, source.expressions] for source in sources if source.expressions],
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, value in _backbone(system).state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _backbone(system: System) -> nn.Module:
    """The module that the regions come from."""
    found: nn.Module = next(module for name, module in system.named_modules() if name.rpartition(".")[2] == "backbone")
    return found


def save_cache(cache: RegionCache, folder: Path, mark: str) -> None:
    """Write the cache into one file of `folder`, so that a resumed run need not compute it again; mark: its
    `fingerprint`.
    """
    tensors: dict[str, Tensor] = {}
    images = []
    for s, (images_of_source, share) in enumerate(cache.sources):
        for p, image in enumerate(images_of_source):
            for v, view in enumerate(image.views):
                named = {**view.regions._asdict(), "overlap": view.overlap}
                tensors |= {f"{s}/{p}/{v}/{name}": tensor.contiguous() for name, tensor in named.items()}
        images.append(
            {
                "share": share,
                "views": [[[v.mirrored for v in p.views], p.offers, p.categories] for p in images_of_source],
            }
        )
    with replacing(folder / FILE) as temporary:
        save_file(tensors, temporary, metadata={"images": json.dumps(images), "fingerprint": mark})


def load_cache(folder: Path, mark: str, *, unmarked: bool = False) -> RegionCache | None:
    """What `save_cache` wrote with this mark; None if there is no file or its mark differs. Raises DataError for a file
    that cannot be read.

    unmarked: accept a file without mark, which was written before there were marks.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("fingerprint", mark if unmarked else None) != mark:
                return None
            images = json.loads(metadata["images"])
            return RegionCache(
                [
                    (
                        [_read_image(stored, f"{s}/{p}", *image) for p, image in enumerate(source["views"])],
                        float(source["share"]),
                    )
                    for s, source in enumerate(images)
                ]
            )
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise DataError(f"cannot read {path}: {error}; delete it and it is computed again") from error


def _read_image(
    stored: Any, place: str, mirrored: Sequence[bool], offers: dict[str, Any], categories: Sequence[str]
) -> CachedImage:
    def read(view: int, name: str) -> Tensor:
        tensor: Tensor = stored.get_tensor(f"{place}/{view}/{name}")
        return tensor

    return CachedImage(
        tuple(
            CachedView(Regions(*(read(view, name) for name in Regions._fields)), read(view, "overlap"), bool(flag))
            for view, flag in enumerate(mirrored)
        ),
        {kind: [(tuple(texts), tuple(objects)) for texts, objects in some] for kind, some in offers.items()},
        tuple(categories),
    )
