"""The corpus: valid and forged bundles on which all verifiers must agree, one line each in a table by subject.

A case is made of the files of ``vectors/bundle.zip``: either the bytes of a ZIP, or the files of a folder. It
names the checks that fail; a case without names is valid. ``python -m tests.assets.corpus FOLDER`` writes all cases
with ``expected.json``, for verifiers in other languages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.assets.bundle_changes import Files
from tests.assets.make_vectors import BASE, FOLDER
from tests.assets.tampering import read_files, zip_bytes

BUNDLE = FOLDER / f"{BASE}.zip"
TRUST = FOLDER / f"{BASE}.trust.json"


@dataclass(frozen=True)
class Case:
    """One bundle of the corpus.

    Attributes:
        make: Returns the bytes of a ZIP, or the files of an unpacked folder.
        fails: Names of the checks that fail; all others pass or do not run.
        says: Words that the message of one of the checks contains.
    """

    make: Callable[[Files], bytes | Files]
    fails: frozenset[str] = frozenset()
    says: str = ""


def failing_case(make: Callable[[Files], bytes | Files], *checks: str, says: str = "") -> Case:
    """Return a case in which these checks fail."""
    return Case(make, frozenset(checks), says)


def pack_after(change: Callable[[Files], Files]) -> Callable[[Files], bytes]:
    """Return a function that packs the changed files into the same container as the bundle writer."""
    return lambda files: zip_bytes(change(files))


def write_case(made: bytes | Files, target: Path) -> Path:
    """Write a case to a path: as a ZIP with that suffix, or as a folder."""
    if isinstance(made, bytes):
        path = target.with_suffix(".zip")
        path.write_bytes(made)
        return path
    for name, data in made.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
    return target


@cache
def base() -> Files:
    """Return the files of which all cases are made."""
    return read_files(BUNDLE)


def cases() -> dict[str, Case]:
    """Return all cases of all subjects by name."""
    from tests.assets.corpus import json_texts, left_over, moments, pictures, vectors, zips

    by_name: dict[str, Case] = {}
    for subject in (zips, left_over, json_texts, moments, pictures, vectors):
        label = subject.__name__.rpartition(".")[2].replace("_", " ")
        for name, case in subject.CASES.items():
            assert f"{label}: {name}" not in by_name
            by_name[f"{label}: {name}"] = case
    return by_name
