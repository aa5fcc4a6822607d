"""Test that a large file is written, verified and unpacked in parts, so that memory does not grow with its size."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import CHECKOUT

PROGRAM = """
import json, sys, time
from pathlib import Path
from evidence.bundle.bag import Proofs
from evidence.bundle.sealing import ContentFile, seal_case, build_seal_opening
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import EntryType
from tests.assets.bundles import FROM_FACTS, append_entry, make_scene, with_consistency_proofs

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

folder, megabytes = Path(sys.argv[1]), int(sys.argv[2])
scene = make_scene(folder)
Verifier(scene.trust).verify(scene.write(folder / "small.zip"))
usage = {"before": peak()}
large = folder / "large.bin"
with large.open("wb") as file:
    for number in range(megabytes):
        file.write(bytes([number % 251]) * (1 << 20))
digest = scene.blobs.put_file(large)
large.unlink()
files = [ContentFile(file.path, file.role, file.media_type, file.sha256)
         for file in scene.sealed_case.manifest.files if file.role not in FROM_FACTS]
files.append(ContentFile("data/sightings/01/large.bin", "recording", "application/octet-stream", digest))
started = time.monotonic()
sealed_case = seal_case(scene.facts, files, scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs)
entry = append_entry(scene.log, EntryType.SEAL, build_seal_opening(sealed_case))
usage["seal"], usage["seal seconds"] = peak(), time.monotonic() - started
from dataclasses import replace
started = time.monotonic()
proofs = Proofs(entry, with_consistency_proofs(scene.log, scene.facts, entry.size))
path = replace(scene, sealed_case=sealed_case, proofs=proofs).write(folder / "large.zip")
usage["write"], usage["write seconds"] = peak(), time.monotonic() - started
started = time.monotonic()
verdict = Verifier(scene.trust).verify(path)
usage["verify"], usage["verify seconds"] = peak(), time.monotonic() - started
usage["failures"] = [check.name for check in verdict.failures]
print(json.dumps(usage))
"""
MEASURED_PROGRAM = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024)
"""


def measure_memory(folder: Path, megabytes: int) -> dict[str, Any]:
    """Return the peaks of resident memory in MiB, and the seconds, of a process that seals a file of this size."""
    line = [sys.executable, "-c", PROGRAM, str(folder), str(megabytes)]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    usage: dict[str, Any] = json.loads(done.stdout)
    return usage


@pytest.mark.long
def test_memory_is_independent_of_file_size(tmp_path: Path) -> None:
    usage = measure_memory(tmp_path, 256)
    assert usage["failures"] == []
    assert usage["verify"] - usage["before"] < 48
    verifier = CHECKOUT / "evidence" / "standalone" / "verify.py"
    line = [sys.executable, "-I", "-c", MEASURED_PROGRAM, str(verifier), str(tmp_path / "large.zip")]
    inside = subprocess.run(line, capture_output=True, text=True, check=True)
    assert int(inside.stdout.splitlines()[-1]) < 64
