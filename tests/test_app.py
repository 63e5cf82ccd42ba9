"""app.py, in a new process because it reads the environment at import."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPACES = """
import sys
assert "torch" not in sys.modules, "spaces must be imported before torch"
durations = []
def GPU(duration):
    durations.append(duration)
    return lambda function: function
"""
CHECK = """
import sys
import refseg
from tests.ui.fakes import FakePredictor
class Stub(FakePredictor):
    load = classmethod(lambda cls, *a, **k: cls())
refseg.Predictor = Stub
import app
spaces = sys.modules.get("spaces")
print(type(app.demo).__name__, getattr(spaces, "durations", None), app.demo.is_running)
"""


def run_app(folder: Path, **environment: str) -> str:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "HOME": str(folder),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_without_spaces_the_page_is_built_but_not_launched(tmp_path: Path) -> None:
    assert run_app(tmp_path) == "Page None False"


def test_on_zero_gpu_each_call_requests_the_gpu(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(SPACES)
    assert run_app(tmp_path, SPACES_ZERO_GPU="1") == "Page [30, 120] False"
