"""Cost of evidence: durable sealing and verification, compared with other programs.

Captures and reports have separate modules.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import bagit

from bench import captures, reports
from bench.common import Row, TitledTable
from evidence.bundle.bag import AnchorProof, Proofs, compute_checkpoint_digest, write_bundle
from evidence.bundle.sealing import ContentFile, SealedCase, seal, seal_opening
from evidence.log.proofs import LogProof
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import Entry, EntryType, commit
from exhibit.ports import Receipt
from tests.assets.bundles import Scene, make_scene
from tests.assets.timestamp_authorities import stamping

PAYLOAD = 200_000


def measure(bundles: int, cases: Sequence[int]) -> Iterator[TitledTable]:
    """Yield each table when it is complete: file name, title, rows.

    Args:
        bundles: Number of sealed bundles.
        cases: Numbers of cases in the reports.
    """
    with TemporaryDirectory() as name:
        scene = make_scene(Path(name))
        paths, row = seal_many(scene, bundles)
        yield "sealing", "Bundles sealed, with everything on the disk", [row]
        yield "verifying", "Verifying one bundle", list(measure_verification(scene, paths))
    yield "captures", "Captures", captures.measure()
    yield "reports", "Reports (PDF, CSV, XLSX, JSON)", reports.measure(cases)


def seal_many(scene: Scene, count: int) -> tuple[list[Path], Row]:
    """Seal, log, timestamp once for all, and write bundles of 200 kB, with each file and folder synced to disk."""
    folder = scene.folder / "bundles"
    folder.mkdir()
    start_time = time.perf_counter()
    cases = [_seal_case(scene, number) for number in range(count)]
    proofs = _log_cases(scene, cases)
    with stamping(scene) as anchor:
        digest = compute_checkpoint_digest(proofs[0].checkpoint)
        stamp = anchor.submit(digest)
    paths = [
        _write(scene, folder / f"{number}.zip", case, proof, stamp)
        for number, (case, proof) in enumerate(zip(cases, proofs, strict=True))
    ]
    _sync(folder)
    seconds = time.perf_counter() - start_time
    size = sum(path.stat().st_size for path in paths) / count / 1000
    return paths, {"bundles": count, "kB each": size, "seconds": seconds, "bundles a second": count / seconds}


def measure_verification(scene: Scene, paths: list[Path]) -> Iterator[Row]:
    """Measure milliseconds to verify a bundle, with Exhibit and other programs. The others verify only a part of it."""
    yield _measure("Exhibit, every check, in one process", paths, lambda path: Verifier(scene.trust).verify(path))
    [folder, *_] = _unpack(paths[:1])
    root = scene.folder / "root.pem"
    root.write_bytes(scene.root_pem)
    alone = ["python3", "-I", str(folder / "verify.py"), str(folder)]
    yield _measure("verify.py in the bundle: digests, log (a process)", [folder] * 5, lambda _: _run(alone))
    yield _measure("bagit: digests of the bag", [folder] * 20, lambda path: bagit.Bag(str(path)).validate())
    lists = ["sha256sum", "--check", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    yield _measure("sha256sum: digests (a process)", [folder] * 20, lambda path: _run(lists, path))
    if shutil.which("openssl"):
        stamp = next((folder / "proofs/anchors").glob("*.tsr"))
        line = ["openssl", "ts", "-verify", "-data", "proofs/log/checkpoint", "-in", str(stamp), "-CAfile", str(root)]
        yield _measure("openssl ts -verify: one stamp (a process)", [folder] * 20, lambda path: _run(line, path))


def _seal_case(scene: Scene, number: int) -> SealedCase:
    """Seal the case of the scene with another number and a file of its own."""
    facts = replace(scene.facts, number=f"C-{number}")
    files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in scene.sealed_case.manifest.files
        if file.role in {"exhibit", "exchange", "network", "overlay", "side-by-side"}
    ]
    own = scene.blobs.put(os.urandom(PAYLOAD - 60_000))
    files.append(ContentFile("data/sightings/01/page.bin", "page", "application/octet-stream", own))
    return seal(facts, files, scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs)


def _log_cases(scene: Scene, cases: list[SealedCase]) -> list[LogProof]:
    """Log one entry for each case, under one checkpoint."""
    openings = [seal_opening(case) for case in cases]
    commitments = [commit(opening) for opening in openings]
    entries = [Entry(EntryType.SEAL, now(), commitment) for commitment, _ in commitments]
    sequences = scene.log.append(entries)
    checkpoint = scene.log.checkpoint()
    return [
        LogProof(
            place, entry.type, entry.time, entry.commitment, salt, opening, checkpoint.size,
            tuple(scene.log.inclusion(place, checkpoint.size)), checkpoint.note,
        )
        for place, entry, (_, salt), opening in zip(sequences, entries, commitments, openings, strict=True)
    ]  # fmt: skip


def _write(scene: Scene, path: Path, case: SealedCase, entry: LogProof, stamp: Receipt) -> Path:
    proofs = Proofs(entry, (), (AnchorProof(compute_checkpoint_digest(entry.checkpoint), stamp),))
    with path.open("wb") as out:
        write_bundle(out, case, proofs, scene.blobs)
        out.flush()
        os.fsync(out.fileno())
    return path


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    os.fsync(number)
    os.close(number)


def _unpack(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        shutil.unpack_archive(path, path.with_suffix(""), "zip")
        yield path.with_suffix("")


def _measure(what: str, paths: list[Path], work: Callable[[Path], object]) -> Row:
    times = []
    for path in paths:
        start_time = time.perf_counter()
        work(path)
        times.append(1000 * (time.perf_counter() - start_time))
    return {"verifier": what, "times": len(times), "median ms": median(times), "most ms": max(times)}


def _run(line: list[str], folder: Path | None = None) -> None:
    subprocess.run(line, cwd=folder, check=True, capture_output=True)
