from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from evidence.bundle.manifest import Manifest, ManifestFile, SealedMatter, SealingKey
from evidence.facts.case import SoftwareFacts
from evidence.formats.codec import FormatError
from exhibit.digests import Digest
from exhibit.entries import canonical

MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SEGMENTS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).filter(
    lambda text: not text.startswith(("con", "com", "lpt"))
)


def file_of(path: str, data: bytes = b"") -> ManifestFile:
    return ManifestFile(path, "role", "text/plain", len(data), Digest.of(data), bytes(64))


def manifest_of(*paths: str) -> Manifest:
    return Manifest(
        matter=SealedMatter("Ann", "C-1", 1),
        sealed_at=datetime(2026, 11, 20, tzinfo=UTC),
        software=SoftwareFacts("Exhibit", "0.1.0", "1"),
        key=SealingKey("Ed25519", bytes(32), "operator"),
        files=tuple(file_of(path) for path in paths),
    )


@given(
    owner=TEXTS,
    sealed_at=MOMENTS,
    folders=st.sets(SEGMENTS, max_size=6),
    size=st.integers(0, 2**53 - 1),
    key=st.binary(min_size=32, max_size=32),
)
def test_a_manifest_reads_back_as_it_was_written(
    owner: str, sealed_at: datetime, folders: set[str], size: int, key: bytes
) -> None:
    paths = sorted(["data/facts.json", *(f"data/x{folder}/image.jpg" for folder in folders)])
    manifest = replace(
        manifest_of(*paths),
        matter=SealedMatter(owner, "C-1", 1),
        sealed_at=sealed_at,
        key=SealingKey("Ed25519", key, "owner"),
        files=tuple(replace(file_of(path), size=size) for path in paths),
    )
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.binary(max_size=200))
def test_bytes_that_are_not_a_manifest_are_refused_with_a_message(data: bytes) -> None:
    with pytest.raises(FormatError):
        Manifest.from_json(data)


@given(st.data())
def test_a_changed_byte_never_gives_the_same_manifest(data: st.DataObject) -> None:
    original = manifest_of("data/facts.json")
    raw = bytearray(original.to_json())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = Manifest.from_json(bytes(raw))
    except FormatError:
        return
    assert changed != original


def test_only_the_one_canonical_form_is_accepted() -> None:
    raw = manifest_of("data/facts.json").to_json()
    with pytest.raises(FormatError, match="canonical"):
        Manifest.from_json(raw.replace(b'":', b'": ', 1))


@pytest.mark.parametrize(
    "paths",
    [
        ("data/b.txt", "data/facts.json", "data/a.txt"),
        ("data/facts.json", "outside.txt"),
        ("data/a.txt",),
        ("data/facts.json", "data/facts.json"),
        ("data/FACTS.json", "data/facts.json"),
        ("data/facts.json", "data/facts.json/inside"),
        ("data/../facts.json", "data/facts.json"),
        ("data/facts.json", "data/manifest.json"),
        ("data/C:\\windows", "data/facts.json"),
        ("data/con.txt", "data/facts.json"),
        ("data/e\u0301.txt", "data/facts.json"),
    ],
)
def test_files_that_cannot_stand_together_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(FormatError):
        manifest_of(*paths)


def test_a_field_more_or_less_is_refused_with_its_name() -> None:
    raw = manifest_of("data/facts.json").to_json()
    with pytest.raises(FormatError, match="'surprise'"):
        Manifest.from_json(raw.replace(b'"bundle":1', b'"bundle":1,"surprise":2'))
    with pytest.raises(FormatError, match="'bundle'"):
        Manifest.from_json(raw.replace(b'"bundle":1,', b""))


def test_a_stand_in_has_to_be_sealed_too() -> None:
    manifest = manifest_of("data/facts.json", "data/work/01.jpg")
    with pytest.raises(FormatError, match="replacement file"):
        replace(manifest, files=(manifest.files[0], replace(manifest.files[1], stand_in="data/work/small.jpg")))


def test_the_canonical_form_is_that_of_rfc_8785() -> None:
    assert manifest_of("data/facts.json").to_json().startswith(b'{"files":[{"media_type":"text/plain","path":')
    assert canonical({"b": 1.0, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
