"""The wheel has every file it needs: it is built from the source distribution and used outside the checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from refseg.resources import CHECKPOINTS, EXAMPLES, RECIPES, resource_folder

ROOT = Path(__file__).parents[1]
# Folders beside the package in a checkout. Files that are generated locally must not be included.
LITTER = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info", "node_modules", "venv*")
BUILD = "import sys, setuptools.build_meta as backend; print(getattr(backend, 'build_' + sys.argv[1])(sys.argv[2]))"
# One process for all commands, because importing torch takes most of the time.
USE = """
import asyncio, json, sys
from pathlib import Path
import refseg
from refseg.cli import main

assert Path(refseg.__file__).is_relative_to(sys.prefix), refseg.__file__
for arguments in json.loads(sys.argv[1]):
    assert main(arguments) == 0, arguments

from refseg import Predictor, explain, load_image
from refseg.ui import ProjectDirectory, build_demo, launch_options
from refseg.ui.examples import find_image_examples, find_video_examples

package = Path(refseg.__file__).parent
examples = [*find_image_examples(), *find_video_examples()]
inside = [example.path for example in examples if example.path.is_relative_to(package)]
assert {path.name for path in inside} >= {"balloons.jpg", "boats.jpg", "sailing.mp4"}, inside

async def page():
    return build_demo(Predictor.load(), projects=ProjectDirectory(Path("projects"), listed=True))

demo = asyncio.run(page())
assert len(demo.blocks) > 50 and launch_options()["css"]
print("page built")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment with the wheel and the libraries of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=LITTER, symlinks=True)
    archive = folder / build("sdist", source, folder)
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    wheel = folder / build("wheel", unpacked, folder)
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    output_of(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--no-compile",
            str(wheel),
        ],
        folder,
    )
    libraries = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    site = output_of([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    (Path(site) / "libraries.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    return python


def build(kind: str, source: Path, target: Path) -> str:
    """Build a distribution with the installed setuptools and return its file name. Nothing is downloaded."""
    return output_of([sys.executable, "-c", BUILD, kind, str(target)], source).strip().splitlines()[-1]


def output_of(command: Iterable[str], folder: Path) -> str:
    """Run a program without network and without this checkout; return what it prints."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    variables = {**kept, "HF_HUB_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command], cwd=folder, env=variables, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture
def dataset_path(tmp_path: Path) -> Path:
    """Three small images of a red ball, the last of them for validation, in the RefCOCO layout."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    images, annotations, references = [], [], []
    for number, split in enumerate(("train", "train", "val"), start=1):
        image = np.full((60, 80, 3), 128, np.uint8)
        left = 5 * number
        image[15:40, left : left + 25] = (0, 0, 220)
        assert cv2.imwrite(str(root / "images" / f"{number}.png"), image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 60})
        outline = [[left, 15, left + 25, 15, left + 25, 40, left, 40]]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": outline, "iscrowd": 0})
        references.append(
            {
                "ref_id": number,
                "ann_id": number,
                "image_id": number,
                "split": split,
                "sentences": [{"sent": "the red ball"}],
            }
        )
    instances = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "sports ball"}]}
    (root / "instances.json").write_text(json.dumps(instances), encoding="utf-8")
    (root / "expressions.json").write_text(json.dumps(references), encoding="utf-8")
    return root


def test_every_command_and_the_page_work_from_the_wheel(
    python: Path, dataset_path: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    commands = [
        [
            "segment",
            "--image",
            str(dataset_path / "images" / "1.png"),
            "--expression",
            "the red ball",
            "--output",
            "out",
            "--explain",
        ],
        ["evaluate", "--data", str(dataset_path), "--split", "val", "--json", "figures.json"],
        ["import", "--format", "refcoco", "--input", str(dataset_path), "--project", "project"],
        ["export", "--project", "project", "--format", "coco", "--output", "coco"],
        # A small model, because two steps of the embedded one take 15 seconds.
        [
            "train",
            "--recipe",
            "finetune",
            "--data",
            str(dataset_path),
            "--output",
            "run",
            "--steps",
            "2",
            "--model",
            str(tiny_checkpoint),
        ],
    ]
    printed = output_of([str(python), "-c", USE, json.dumps(commands)], tmp_path)
    assert printed.strip().endswith("page built")
    (found,) = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"]
    assert found["tokens"] == ["the", "red", "ball"] and (tmp_path / "out" / "report.html").is_file()
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["n"] == 1
    assert (tmp_path / "run" / "report.json").is_file() and (
        tmp_path / "run" / "checkpoint" / "model.safetensors"
    ).is_file()
    assert any((tmp_path / "coco").rglob("*.json"))


def test_the_command_is_installed(python: Path, tmp_path: Path) -> None:
    script = python.parent / ("refseg.exe" if os.name == "nt" else "refseg")
    assert output_of([str(script), "--version"], tmp_path).startswith("refseg ")


def test_the_same_files_as_in_the_checkout(python: Path, tmp_path: Path) -> None:
    code = (
        "import json, refseg.resources as r; print(json.dumps([str(r.resource_folder(name)) for name in (r.CHECKPOINTS,"
        " r.RECIPES, r.EXAMPLES)]))"
    )
    folders = output_of([str(python), "-c", code], tmp_path)
    for name, folder in zip((CHECKPOINTS, RECIPES, EXAMPLES), json.loads(folders), strict=True):
        here = resource_folder(name)
        expected = {
            path.relative_to(here) for path in here.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert (
            expected
            and {
                path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
            }
            == expected
        )
    package = Path(output_of([str(python), "-c", "import refseg; print(refseg.__path__[0])"], tmp_path).strip())
    static = {path.relative_to(ROOT / "refseg") for path in (ROOT / "refseg").rglob("static/**/*") if path.is_file()}
    assert static and {path.relative_to(package) for path in package.rglob("static/**/*") if path.is_file()} == static
