from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from evidence.bundle.manifest import Manifest, ManifestFile, SealedMatter, SealingKey
from evidence.facts.case import SoftwareFacts
from evidence.formats.codec import FormatError
from exhibit.digests import Digest
from exhibit.entries import encode_canonical

TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SEGMENTS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).filter(
    lambda text: not text.startswith(("con", "com", "lpt"))
)


def build_manifest_file(path: str, data: bytes = b"") -> ManifestFile:
    return ManifestFile(path, "role", "text/plain", len(data), Digest.from_bytes(data), bytes(64))


def build_manifest(*paths: str) -> Manifest:
    return Manifest(
        matter=SealedMatter("Ann", "C-1", 1),
        sealed_at=datetime(2026, 11, 20, tzinfo=UTC),
        software=SoftwareFacts("Exhibit", "0.1.0", "1"),
        key=SealingKey("Ed25519", bytes(32), "operator"),
        files=tuple(build_manifest_file(path) for path in paths),
    )


@given(
    owner=TEXTS,
    sealed_at=TIMES,
    folders=st.sets(SEGMENTS, max_size=6),
    size=st.integers(0, 2**53 - 1),
    key=st.binary(min_size=32, max_size=32),
)
def test_manifest_round_trips(owner: str, sealed_at: datetime, folders: set[str], size: int, key: bytes) -> None:
    paths = sorted(["data/facts.json", *(f"data/x{folder}/image.jpg" for folder in folders)])
    manifest = replace(
        build_manifest(*paths),
        matter=SealedMatter(owner, "C-1", 1),
        sealed_at=sealed_at,
        key=SealingKey("Ed25519", key, "owner"),
        files=tuple(replace(build_manifest_file(path), size=size) for path in paths),
    )
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.binary(max_size=200))
def test_malformed_manifest_is_rejected(data: bytes) -> None:
    with pytest.raises(FormatError):
        Manifest.from_json(data)


@given(st.data())
def test_changed_byte_never_gives_the_same_manifest(data: st.DataObject) -> None:
    original = build_manifest("data/facts.json")
    raw = bytearray(original.to_json())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = Manifest.from_json(bytes(raw))
    except FormatError:
        return
    assert changed != original


def test_non_canonical_manifest_is_rejected() -> None:
    raw = build_manifest("data/facts.json").to_json()
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
def test_conflicting_paths_are_rejected(paths: tuple[str, ...]) -> None:
    with pytest.raises(FormatError):
        build_manifest(*paths)


def test_extra_or_missing_field_is_rejected() -> None:
    raw = build_manifest("data/facts.json").to_json()
    with pytest.raises(FormatError, match="'surprise'"):
        Manifest.from_json(raw.replace(b'"bundle":1', b'"bundle":1,"surprise":2'))
    with pytest.raises(FormatError, match="'bundle'"):
        Manifest.from_json(raw.replace(b'"bundle":1,', b""))


def test_replacement_file_must_be_sealed() -> None:
    manifest = build_manifest("data/facts.json", "data/work/01.jpg")
    with pytest.raises(FormatError, match="replacement file"):
        replace(manifest, files=(manifest.files[0], replace(manifest.files[1], stand_in="data/work/small.jpg")))


def test_canonical_form_follows_rfc_8785() -> None:
    assert build_manifest("data/facts.json").to_json().startswith(b'{"files":[{"media_type":"text/plain","path":')
    assert encode_canonical({"b": 1.0, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
