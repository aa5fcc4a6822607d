import json
import threading
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError, ServiceMissingError
from indexer.vectors.manifest import MANIFEST_NAME, Manifest, Place, SegmentEntry


def segment(folder: Path, name: str, gone: str | None = None) -> SegmentEntry:
    """The files of a segment."""
    for file in (f"{name}.faiss", f"{name}.json", *([gone] if gone else [])):
        (folder / file).write_bytes(b"x")
    return SegmentEntry(name, gone)


def test_what_is_published_is_read_and_what_nobody_names_is_removed(tmp_path: Path) -> None:
    old = Manifest("bits@1", 1, 5, (segment(tmp_path, "segment-1-0"),))
    place = Place(tmp_path)
    place.publish(tmp_path, old, over=Manifest("bits@1"))
    gone = "gone-2-segment-2-0.npy"
    new = Manifest("bits@1", 2, 9, (segment(tmp_path, "segment-2-0", gone),))
    place.publish(tmp_path, new, over=old)
    assert place.read("bits@1") == new
    assert {path.stem for path in tmp_path.glob("segment-*")} == {"segment-1-0", "segment-2-0"}  # for a slow reader
    place.publish(tmp_path, new, over=new)
    left = {MANIFEST_NAME, "segment-2-0.faiss", "segment-2-0.json", gone}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_an_absent_manifest_is_empty_and_a_damaged_or_foreign_one_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.read("bits@1") == Manifest("bits@1")
    place.publish(tmp_path, Manifest("bits@1", 1), over=Manifest("bits@1"))
    with pytest.raises(IntegrityError, match="not of other@1"):
        place.read("other@1")
    whole = (tmp_path / MANIFEST_NAME).read_text()
    for text in (whole[:-9], "[]", json.dumps(json.loads(whole) | {"format": 99})):
        (tmp_path / MANIFEST_NAME).write_text(text)
        with pytest.raises(IntegrityError):
            place.read("bits@1")


def test_what_replaces_a_damaged_one_counts_on_behind_every_file(tmp_path: Path) -> None:
    segment(tmp_path, "segment-00000007-0001")
    segment(tmp_path, "segment-odd-0001")
    (tmp_path / MANIFEST_NAME).write_text("{")
    assert Place(tmp_path).to_replace("bits@1") == Manifest("bits@1", generation=7)


def test_one_writes_at_a_time_and_a_full_disk_is_said(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with Place(tmp_path).writer():
            order.append("second")

    with Place(tmp_path / "").writer():
        other = threading.Thread(target=second)
        other.start()
        other.join(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    with pytest.raises(ServiceMissingError, match=r"can't be written: .*No space"), Place(tmp_path).writer():
        raise OSError(28, "No space left on device")
