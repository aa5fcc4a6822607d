"""Cost of durable sealing and of verification, compared with other programs.

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
from evidence.bundle.sealing import ContentFile, SealedCase, build_seal_opening, seal_case
from evidence.log.proofs import LogProof
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import Entry, EntryType, compute_commitment
from exhibit.ports import Receipt
from tests.assets.bundles import Scene, make_scene
from tests.assets.timestamp_authorities import stamping

PAYLOAD_BYTES = 200_000


def measure(bundles: int, cases: Sequence[int]) -> Iterator[TitledTable]:
    """Yield file name, title and rows of each table when it is complete.

    Args:
        bundles: Number of sealed bundles.
        cases: Numbers of cases in the reports.
    """
    with TemporaryDirectory() as name:
        scene = make_scene(Path(name))
        paths, row = seal_bundles(scene, bundles)
        yield "sealing", "Bundles sealed, with everything on the disk", [row]
        yield "verifying", "Verifying one bundle", list(measure_verification(scene, paths))
    yield "captures", "Captures", captures.measure()
    yield "reports", "Reports (PDF, CSV, XLSX, JSON)", reports.measure(cases)


def seal_bundles(scene: Scene, count: int) -> tuple[list[Path], Row]:
    """Seal, log and timestamp cases together, and write bundles of 200 kB. Files and folders are synced to disk."""
    folder = scene.folder / "bundles"
    folder.mkdir()
    start_time = time.perf_counter()
    cases = [_seal_case(scene, number) for number in range(count)]
    proofs = _log_cases(scene, cases)
    with stamping(scene) as anchor:
        digest = compute_checkpoint_digest(proofs[0].checkpoint)
        timestamp = anchor.submit(digest)
    paths = [
        _write_bundle(scene, folder / f"{number}.zip", case, proof, timestamp)
        for number, (case, proof) in enumerate(zip(cases, proofs, strict=True))
    ]
    _sync_folder(folder)
    seconds = time.perf_counter() - start_time
    size = sum(path.stat().st_size for path in paths) / count / 1000
    return paths, {"bundles": count, "kB each": size, "seconds": seconds, "bundles a second": count / seconds}


def measure_verification(scene: Scene, paths: list[Path]) -> Iterator[Row]:
    """Measure milliseconds to verify a bundle with Exhibit and with other programs, which verify only a part of it."""
    yield _measure("Exhibit, every check, in one process", paths, lambda path: Verifier(scene.trust).verify(path))
    [folder, *_] = _unpack_bundles(paths[:1])
    root = scene.folder / "root.pem"
    root.write_bytes(scene.root_pem)
    script_command = ["python3", "-I", str(folder / "verify.py"), str(folder)]
    yield _measure("verify.py in the bundle: digests, log (a process)", [folder] * 5, lambda _: _run(script_command))
    yield _measure("bagit: digests of the bag", [folder] * 20, lambda path: bagit.Bag(str(path)).validate())
    checksum_command = ["sha256sum", "--check", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    yield _measure("sha256sum: digests (a process)", [folder] * 20, lambda path: _run(checksum_command, path))
    if shutil.which("openssl"):
        timestamp = next((folder / "proofs/anchors").glob("*.tsr"))
        openssl_command = [
            "openssl",
            "ts",
            "-verify",
            "-data",
            "proofs/log/checkpoint",
            "-in",
            str(timestamp),
            "-CAfile",
            str(root),
        ]
        yield _measure(
            "openssl ts -verify: one stamp (a process)", [folder] * 20, lambda path: _run(openssl_command, path)
        )


def _seal_case(scene: Scene, number: int) -> SealedCase:
    """Seal the case of the scene with a different number and an additional file."""
    facts = replace(scene.facts, number=f"C-{number}")
    files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in scene.sealed_case.manifest.files
        if file.role in {"exhibit", "exchange", "network", "overlay", "side-by-side"}
    ]
    own_digest = scene.blobs.put(os.urandom(PAYLOAD_BYTES - 60_000))
    files.append(ContentFile("data/sightings/01/page.bin", "page", "application/octet-stream", own_digest))
    return seal_case(facts, files, scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs)


def _log_cases(scene: Scene, cases: list[SealedCase]) -> list[LogProof]:
    """Log one entry for each case, under one checkpoint."""
    openings = [build_seal_opening(case) for case in cases]
    commitments = [compute_commitment(opening) for opening in openings]
    entries = [Entry(EntryType.SEAL, now(), commitment) for commitment, _ in commitments]
    sequences = scene.log.append(entries)
    checkpoint = scene.log.sign_checkpoint()
    return [
        LogProof(
            sequence, entry.type, entry.time, entry.commitment, salt, opening, checkpoint.size,
            tuple(scene.log.prove_inclusion(sequence, checkpoint.size)), checkpoint.note,
        )
        for sequence, entry, (_, salt), opening in zip(sequences, entries, commitments, openings, strict=True)
    ]  # fmt: skip


def _write_bundle(scene: Scene, path: Path, case: SealedCase, entry: LogProof, timestamp: Receipt) -> Path:
    proofs = Proofs(entry, (), (AnchorProof(compute_checkpoint_digest(entry.checkpoint), timestamp),))
    with path.open("wb") as out:
        write_bundle(out, case, proofs, scene.blobs)
        out.flush()
        os.fsync(out.fileno())
    return path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _unpack_bundles(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        shutil.unpack_archive(path, path.with_suffix(""), "zip")
        yield path.with_suffix("")


def _measure(verifier: str, paths: list[Path], verify: Callable[[Path], object]) -> Row:
    times = []
    for path in paths:
        start_time = time.perf_counter()
        verify(path)
        times.append(1000 * (time.perf_counter() - start_time))
    return {"verifier": verifier, "times": len(times), "median ms": median(times), "most ms": max(times)}


def _run(command: list[str], folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
