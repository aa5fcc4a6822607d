import json
import threading
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError, ServiceMissingError
from indexer.vectors.manifest import (
    MANIFEST_NAME,
    Manifest,
    SegmentEntry,
    empty_damaged,
    publish,
    read_manifest,
    replace_segments,
    writing,
)


def segment(folder: Path, name: str, gone: str | None = None) -> SegmentEntry:
    """The files of a segment."""
    for file in (f"{name}.faiss", f"{name}.json", *([gone] if gone else [])):
        (folder / file).write_bytes(b"x")
    return SegmentEntry(name, gone)


def test_what_is_published_is_read_and_what_nobody_names_is_removed(tmp_path: Path) -> None:
    old = Manifest("bits@1", 1, 5, (segment(tmp_path, "segment-1-0"),))
    publish(tmp_path, old, over=Manifest("bits@1"))
    gone = "gone-2-segment-2-0.npy"
    new = Manifest("bits@1", 2, 9, (segment(tmp_path, "segment-2-0", gone),))
    publish(tmp_path, new, over=old)
    assert read_manifest(tmp_path, "bits@1") == new
    assert {path.stem for path in tmp_path.glob("segment-*")} == {"segment-1-0", "segment-2-0"}  # for a slow reader
    publish(tmp_path, new, over=new)
    left = {MANIFEST_NAME, "segment-2-0.faiss", "segment-2-0.json", gone}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_an_absent_manifest_is_empty_and_a_damaged_or_foreign_one_is_refused(tmp_path: Path) -> None:
    assert read_manifest(tmp_path, "bits@1") == Manifest("bits@1")
    publish(tmp_path, Manifest("bits@1", 1), over=Manifest("bits@1"))
    with pytest.raises(IntegrityError, match="not of other@1"):
        read_manifest(tmp_path, "other@1")
    whole = (tmp_path / MANIFEST_NAME).read_text()
    for text in (whole[:-9], "[]", json.dumps(json.loads(whole) | {"format": 99})):
        (tmp_path / MANIFEST_NAME).write_text(text)
        with pytest.raises(IntegrityError):
            read_manifest(tmp_path, "bits@1")


def test_what_replaces_a_damaged_one_counts_on_behind_every_file(tmp_path: Path) -> None:
    segment(tmp_path, "segment-00000007-0001")
    segment(tmp_path, "segment-odd-0001")
    (tmp_path / MANIFEST_NAME).write_text("{")
    replace_segments(tmp_path, "bits@1", 5, lambda folder, generation: [segment(folder, f"segment-{generation}-0")])
    assert read_manifest(tmp_path, "bits@1") == Manifest("bits@1", 8, 5, (SegmentEntry("segment-8-0", None),))


def test_a_damaged_one_is_made_empty_only_if_it_still_is_damaged_when_nobody_writes(tmp_path: Path) -> None:
    whole = Manifest("bits@1", 1, 5, (segment(tmp_path, "segment-1-0"),))
    publish(tmp_path, whole, over=Manifest("bits@1"))
    assert empty_damaged(tmp_path, "bits@1", list) == []
    assert read_manifest(tmp_path, "bits@1") == whole
    assert empty_damaged(tmp_path, "bits@1", lambda: ["a byte"]) == ["a byte"]
    assert read_manifest(tmp_path, "bits@1") == Manifest("bits@1", generation=2)


def test_one_writes_at_a_time_and_a_full_disk_is_said(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with writing(tmp_path):
            order.append("second")

    with writing(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    with pytest.raises(ServiceMissingError, match=r"can't be written: .*No space"), writing(tmp_path):
        raise OSError(28, "No space left on device")
