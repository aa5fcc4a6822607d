"""Checks bundles with tools that know nothing of Exhibit: sha256sum, bagit and openssl."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from demo.product import ran

Outcome = Literal["passed", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class OutsideCheck:
    """What one tool says of one bundle."""

    bundle: str
    tool: str
    outcome: Outcome
    sentence: str


def check_outside(bundle: Path, work_folder: Path, roots: Path) -> list[OutsideCheck]:
    """Unpack a bundle and let each tool check it.

    Args:
        bundle: the ZIP, made by ourselves a moment ago.
        work_folder: where it is unpacked.
        roots: PEM file with the root of the timestamp authority that counts.
    """
    bag = work_folder / bundle.stem
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(bag)
    return [OutsideCheck(bundle.name, tool, *check(bag, roots)) for tool, check in _TOOLS.items()]


def _sha256sum(bag: Path, _: Path) -> tuple[Outcome, str]:
    if shutil.which("sha256sum") is None:
        return "not checked", "there is no sha256sum here"
    return _ran(["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"], bag)


def _bagit(bag: Path, _: Path) -> tuple[Outcome, str]:
    try:
        import bagit  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - a tool of development, may be missing
    except ImportError:
        return "not checked", "the package bagit isn't installed"
    try:
        bagit.Bag(str(bag)).validate()
    except bagit.BagError as error:
        return "failed", str(error)
    return "passed", "the bag is valid"


def _openssl(bag: Path, roots: Path) -> tuple[Outcome, str]:
    """Verify each RFC 3161 reply against the file that it stamps."""
    if shutil.which("openssl") is None:
        return "not checked", "there is no openssl here"
    index = bag / "proofs" / "anchors" / "index.json"
    records = json.loads(index.read_text("utf-8")) if index.exists() else []
    stamps = [record for record in records if record["kind"] == "rfc3161"]
    stamped = {_sha256(bag / name): name for name in ("data/manifest.json", "proofs/log/checkpoint")}
    known = [(stamp["file"], stamped[stamp["digest"]]) for stamp in stamps if stamp["digest"] in stamped]
    if not known:
        return "not checked", "no timestamp of the manifest or the checkpoint is in the bundle"
    for reply, data in known:
        command = ["openssl", "ts", "-verify", "-in", reply, "-data", data, "-CAfile", str(roots.resolve())]
        outcome, sentence = _ran(command, bag)
        if outcome != "passed":
            return outcome, f"{reply}: {sentence}"
    return "passed", f"{len(known)} timestamps verified"


_TOOLS: Final[dict[str, Callable[[Path, Path], tuple[Outcome, str]]]] = {
    "sha256sum": _sha256sum,
    "bagit": _bagit,
    "openssl ts": _openssl,
}


def _ran(command: list[str], folder: Path) -> tuple[Outcome, str]:
    done = ran(command, folder)
    last = ((done.stderr or done.stdout).strip() or "no message").splitlines()[-1]
    return ("passed" if done.returncode == 0 else "failed"), last


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
