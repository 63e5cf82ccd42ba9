"""Memory that a step frees stays with the process."""

import platform
import subprocess
import sys

import pytest

from refseg.training.allocator import keep_freed_memory

# Counts the page faults of taking and freeing 64 MB twenty times.
FAULTS = """
import resource, sys
from refseg.training.allocator import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    block = bytearray(64_000_000)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, *arguments], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_blocks_are_taken_from_the_system_once() -> None:
    assert 4 * faults("keep") < faults()


def test_other_systems_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert keep_freed_memory() is False
