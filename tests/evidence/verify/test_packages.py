"""Test that each bundle in a file is verified separately, within limits, and that other files are identified."""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence.__main__ import main
from evidence.formats.container import MAX_ENTRIES, NoBundleError
from evidence.verify import packages
from evidence.verify.packages import find_bundles, verify_location
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from tests.assets.bundles import Scene
from tests.assets.tampering import pack_otherwise, read_files, zip_bytes

CONTENTS = {"CONTENTS.txt": b"Bundles for the court\n"}


@pytest.fixture(scope="module")
def broken_bundle(bundle: Path) -> bytes:
    """Return the bundle with one byte of an image changed."""
    files = read_files(bundle)
    name = next(name for name in files if name.startswith("data/work/01."))
    files[name] = files[name][:-1] + b"x"
    return zip_bytes(files)


def package_files(bundle: Path, **more: bytes) -> dict[str, bytes]:
    """Return the files of a package of two cases as the product makes it."""
    return {
        "studio-case-1-bundle-1.zip": bundle.read_bytes(),
        "studio-case-2-bundle-1.zip": bundle.read_bytes(),
        **more,
    }


def deflate_files(files: dict[str, bytes]) -> bytes:
    return pack_otherwise(files)


def nest_package(files: dict[str, bytes]) -> bytes:
    """Return a package that was put into a folder and zipped again."""
    return pack_otherwise(
        {"case file/court.zip": zip_bytes({**files, **CONTENTS}), "case file/letter.txt": b"Dear court"}
    )


def pack_unpacked_folders(files: dict[str, bytes]) -> bytes:
    """Return a ZIP of folders with the unpacked bundles."""
    every: dict[str, bytes] = {}
    for name, data in files.items():
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            every |= {f"court/{name.removesuffix('.zip')}/{path}": archive.read(path) for path in archive.namelist()}
    return pack_otherwise(every)


@pytest.mark.parametrize("pack", [zip_bytes, deflate_files, nest_package, pack_unpacked_folders])
def test_each_bundle_of_a_package_is_checked_however_it_is_packed(
    scene: Scene, bundle: Path, tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    path = tmp_path / "court.zip"
    path.write_bytes(pack(package_files(bundle)))
    verdicts = [verify_location(Verifier(scene.trust), place) for place in find_bundles(path)]
    assert [verdict.outcome for verdict in verdicts] == [ExitCode.DONE, ExitCode.DONE]
    assert [verdict.bundle.removesuffix(".zip").rpartition("/")[2] for verdict in verdicts] == [
        "studio-case-1-bundle-1",
        "studio-case-2-bundle-1",
    ]
    assert all(verdict.bundle.startswith("court.zip/") for verdict in verdicts)


def test_folder_of_bundles_is_a_package(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "from the court"
    (folder / "deeper").mkdir(parents=True)
    (folder / "one.zip").write_bytes(bundle.read_bytes())
    (folder / "deeper" / "court.zip").write_bytes(zip_bytes({**package_files(bundle), **CONTENTS}))
    (folder / "notes.txt").write_text("notes")
    for name, data in read_files(bundle).items():
        (folder / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "unpacked" / name).write_bytes(data)
    places = find_bundles(folder)
    assert sorted(place.title for place in places) == [
        "from the court/deeper/court.zip/studio-case-1-bundle-1.zip",
        "from the court/deeper/court.zip/studio-case-2-bundle-1.zip",
        "from the court/one.zip",
        "from the court/unpacked",
    ]
    assert {verify_location(Verifier(scene.trust), place).outcome for place in places} == {ExitCode.DONE}


def test_renamed_bundle_is_found(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    sheet = zip_bytes({"types.xml": b"<Types/>"})
    files = {
        "case-1.zip.txt": bundle.read_bytes(),
        "case-2.zi_": bundle.read_bytes(),
        "case-3": bundle.read_bytes(),
        "broken.docx": sheet[:-10],
        "deep.docx": zip_bytes({"a": zip_bytes({"b.dat": zip_bytes({"c": zip_bytes({"d": sheet})})})}),
        "letter.docx": sheet,
        "notes.txt": b"notes",
    }
    package, folder = tmp_path / "court.zip", tmp_path / "court"
    package.write_bytes(zip_bytes(files))
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for path in (package, folder):
        places = find_bundles(path)
        assert [place.title.rpartition("/")[2] for place in places] == ["case-1.zip.txt", "case-2.zi_", "case-3"]
        assert {verify_location(Verifier(scene.trust), place).outcome for place in places} == {ExitCode.DONE}


def test_single_bundle_is_not_a_package(bundle: Path, tmp_path: Path) -> None:
    files = read_files(bundle)
    wrapped = tmp_path / "wrapped.zip"
    wrapped.write_bytes(pack_otherwise({f"bundle (2)/{name}": data for name, data in files.items()}))
    torn = tmp_path / "torn.zip"
    torn.write_bytes(bundle.read_bytes()[:-400])
    for path in (bundle, wrapped, torn):
        assert [(place.path, place.package) for place in find_bundles(path)] == [(path, None)]


@pytest.mark.long
def test_package_result_is_most_severe_of_its_bundles(
    scene: Scene, bundle: Path, broken_bundle: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "trust.json"
    listed.write_bytes(scene.trust.to_json())
    path = tmp_path / "court.zip"
    path.write_bytes(zip_bytes({**package_files(bundle), **CONTENTS}))
    assert main(["verify", str(path), "--trust", str(listed)]) == 0
    output = capsys.readouterr().out
    assert "Total 2: 2 complete." in output
    assert f"complete    {path}/studio-case-1-bundle-1.zip" in output
    path.write_bytes(zip_bytes(package_files(bundle, **{"third.zip": broken_bundle})))
    assert main(["verify", str(path), "--trust", str(listed), "--json"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert (plain["verdict"], plain["exit_code"], plain["split_views"]) == ("failed", 1, [])
    assert [(row["file"], row["package"], row["verdict"]) for row in plain["bundles"]] == [
        (f"{path}/studio-case-1-bundle-1.zip", str(path), "complete"),
        (f"{path}/studio-case-2-bundle-1.zip", str(path), "complete"),
        (f"{path}/third.zip", str(path), "failed"),
    ]
    assert main(["verify", str(path)]) == 1
    assert "2 incomplete, 1 failed" in capsys.readouterr().out
    (tmp_path / "CONTENTS.txt").write_bytes(b"A list")
    assert main(["verify", str(bundle), str(tmp_path / "CONTENTS.txt"), "--trust", str(listed)]) == 2
    assert "1 complete, 1 no bundle" in capsys.readouterr().out


def test_damaged_bundle_in_package_does_not_fail_the_other_bundles(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "court.zip"
    path.write_bytes(zip_bytes(package_files(bundle, **{"a-torn.zip": bundle.read_bytes()[:-400]})))
    outcomes = [verify_location(Verifier(scene.trust), place).outcome for place in find_bundles(path)]
    assert outcomes == [ExitCode.CHECK_FAILED, ExitCode.DONE, ExitCode.DONE]


def create_zip(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry, data in entries:
            target.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def test_unsafe_names_links_and_encrypted_files_are_not_extracted(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.zip")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    hostile = {"../../escaped.zip": bundle.read_bytes(), "/etc/rooted.zip": bundle.read_bytes()}
    entries = [(zipfile.ZipInfo(name), data) for name, data in hostile.items()]
    inside = [(zipfile.ZipInfo(f"case/{name}"), b"x") for name in ("bagit.txt", "../../../escaped.txt")]
    path = tmp_path / "deep" / "down" / "court.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(create_zip(*entries, (link, b"/etc/passwd"), *inside))
    outcomes = {place.title: verify_location(Verifier(scene.trust), place).outcome for place in find_bundles(path)}
    assert outcomes["court.zip/link.zip"] == outcomes["court.zip/case"] == ExitCode.CHECK_FAILED
    assert outcomes["court.zip/../../escaped.zip"] == ExitCode.DONE  # the name is displayed, but never used as a path
    assert not list(tmp_path.rglob("escaped*"))
    data = bytearray(create_zip((zipfile.ZipInfo("secret.zip"), bundle.read_bytes())))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.rindex(mark) + at if at == 8 else at, 1)
    path.write_bytes(bytes(data))
    (place,) = find_bundles(path)
    with pytest.raises(NoBundleError, match="is encrypted"):
        verify_location(Verifier(scene.trust), place)


def test_zip_bombs_are_rejected_before_extraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "UNCHECKED_EXPANSION_BYTES", 1 << 20)
    layer = bytes(1 << 22)
    for _ in range(2):
        layer = create_zip(*((zipfile.ZipInfo(f"{number}.zip"), layer) for number in range(8)))
    path = tmp_path / "bomb.zip"
    path.write_bytes(layer)
    with pytest.raises(NoBundleError, match="far larger than a package"):
        find_bundles(path)
    deep = zip_bytes({"some.txt": b"x"})
    for _ in range(6):
        deep = zip_bytes({"inner.zip": deep})
    path.write_bytes(deep)
    with pytest.raises(NoBundleError, match="ZIPs are nested more than"):
        find_bundles(path)
    many = create_zip(*((zipfile.ZipInfo(f"{number}"), b"") for number in range(MAX_ENTRIES + 1)))
    path.write_bytes(many)
    assert [(place.path, place.package) for place in find_bundles(path)] == [(path, None)]  # the verifier rejects it


SHEET = b"%PDF-1.7\n"
OTHER_FILES = {
    "sheet.pdf": (SHEET, "is a PDF", "Use the ZIP of that bundle"),
    "capture.wacz": (
        zip_bytes({"datapackage.json": b"{}", "archive/data.warc": b""}),
        "web archive (WACZ)",
        "bundle",
    ),
    "report.xlsx": (
        zip_bytes({"x.xml": b""}).replace(b"x.xml", b"y.xml"),
        "is a ZIP without a bundle",
        "package of such ZIPs",
    ),
    "table.xlsx": (
        pack_otherwise({"[Content_Types].xml": b""}),
        "is an office document, not a bundle",
        "Use the ZIPs of their bundles",
    ),
    "record.warc": (
        b"WARC/1.1\r\n",
        "web archive (WARC)",
        "A recorded visit is verified with its bundle. Use that bundle",
    ),
    "picture.jpg": (b"\xff\xd8\xff\xe0", "is a picture", "exhibit identify"),
    "trust.json": (b'{"format": "exhibit-trust/1"}', "is a trust list, not a bundle", "--trust"),
    "manifest.json": (b'{"format": "exhibit-bundle/1"}', "manifest of a bundle", "bagit.txt"),
    "facts.json": (b'{"format": "exhibit-facts/1"}', "facts of a bundle", "bagit.txt"),
    "report.json": (b'{"cases": []}', "is a JSON file", "bundle's ZIP"),
    "CONTENTS.txt": (b"Bundles for the court", "is a text", "list of contents"),
    "verify.html": (b"<!DOCTYPE html>", "is a web page", "To use verify.html, open it in a browser"),
    "stamp.ots": (
        b"\0OpenTimestamps\0\0Proof\0",
        "is an OpenTimestamps receipt, not a bundle",
        "It belongs to a bundle, in proofs/anchors. Use that bundle",
    ),
    "empty.zip": (b"", "is empty", "bundle's ZIP"),
    "backup.tar.gz": (b"\x1f\x8b\x08", "is a gzip file, not a bundle", "Unpack it"),
    "noise": (bytes(range(256)), "is neither a ZIP", "bundle's ZIP"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_other_input_is_reported_with_hint(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, what, instead = OTHER_FILES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(NoBundleError) as caught:
        find_bundles(tmp_path / name)
    assert caught.value.message.startswith(name)
    assert what in caught.value.message
    assert instead in caught.value.hint
    assert main(["verify", str(tmp_path / name)]) == 2
    assert what in capsys.readouterr().err


def test_folder_inside_a_bundle_is_rejected_with_a_hint_to_the_bundle(bundle: Path, tmp_path: Path) -> None:
    for name, data in read_files(bundle).items():
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).write_bytes(data)
    with pytest.raises(NoBundleError, match=r"The bundle is .*one\."):
        find_bundles(tmp_path / "one" / "data" / "work")
    (tmp_path / "nothing").mkdir()
    for path, words in (
        (tmp_path / "nothing", "is a folder without a bundle"),
        (tmp_path / "missing.zip", "does not exist"),
    ):
        with pytest.raises(NoBundleError, match=words):
            find_bundles(path)
