import json
import threading
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError, ServiceMissingError
from indexer.vectors.manifest import (
    MANIFEST_NAME,
    Manifest,
    Segment,
    publish_manifest,
    read_manifest,
    read_manifest_to_replace,
    write_lock,
)

EMPTY = Manifest("bits@1")


def segment(folder: Path, name: str, removed: str | None = None) -> Segment:
    """Create a segment with its files."""
    for file in (f"{name}.faiss", f"{name}.npy", *([removed] if removed else [])):
        (folder / file).write_bytes(b"x")
    return Segment(name, 1, {".faiss": "00", ".npy": "00"}, removed)


def test_unreferenced_files_are_deleted(tmp_path: Path) -> None:
    old = Manifest("bits@1", 1, 5, (segment(tmp_path, "segment-1-0"),))
    publish_manifest(tmp_path, old, EMPTY)
    removed = "removed-2-segment-2-0.npy"
    new = Manifest("bits@1", 2, 9, (segment(tmp_path, "segment-2-0", removed),))
    publish_manifest(tmp_path, new, old)
    assert read_manifest(tmp_path, "bits@1") == new
    assert {path.stem for path in tmp_path.glob("segment-*")} == {"segment-1-0", "segment-2-0"}  # for a slow reader
    publish_manifest(tmp_path, new, new)
    remaining = {MANIFEST_NAME, "segment-2-0.faiss", "segment-2-0.npy", removed}
    assert {path.name for path in tmp_path.iterdir()} == remaining


def test_missing_manifest_is_empty_and_damaged_or_foreign_is_refused(tmp_path: Path) -> None:
    assert read_manifest(tmp_path, "bits@1") == EMPTY
    publish_manifest(tmp_path, Manifest("bits@1", 1), EMPTY)
    with pytest.raises(IntegrityError):
        read_manifest(tmp_path, "other@1")
    whole = (tmp_path / MANIFEST_NAME).read_text()
    for text in (whole[:-9], "[]", json.dumps(json.loads(whole) | {"format": 99})):
        (tmp_path / MANIFEST_NAME).write_text(text)
        with pytest.raises(IntegrityError):
            read_manifest(tmp_path, "bits@1")


def test_manifest_after_damage_has_generation_above_every_file(tmp_path: Path) -> None:
    segment(tmp_path, "segment-00000007-0001")
    segment(tmp_path, "segment-odd-0001")
    (tmp_path / MANIFEST_NAME).write_text("{")
    assert read_manifest_to_replace(tmp_path, "bits@1") == Manifest("bits@1", generation=7)


def test_writers_take_turns_and_full_disk_is_reported(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with write_lock(tmp_path):
            order.append("second")

    with write_lock(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    with pytest.raises(ServiceMissingError, match="No space"), write_lock(tmp_path):
        raise OSError(28, "No space left on device")
