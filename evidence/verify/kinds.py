"""Descriptions of files and folders that are not bundles, with hints for the user."""

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from evidence.bundle.manifest import MANIFEST_FORMAT
from evidence.formats.zipread import is_zip

MAX_JSON_BYTES = 4 << 20
MAX_NAMES = 10_000
BUNDLE_HINT = "Use the bundle's ZIP as downloaded, or the folder that contains bagit.txt."


@dataclass(frozen=True, slots=True)
class FileKind:
    """Kind of a file or folder: the end of a sentence that starts with its name, and a hint (may be empty)."""

    sentence: str
    hint: str = BUNDLE_HINT


_PDF = FileKind(
    ("is a PDF, not a bundle. An exhibit sheet, a report or a notice identifies the bundle on which it is based."),
    "Use the ZIP of that bundle, or the folder that contains bagit.txt. An exhibit sheet is "
    "in its bundle as data/exhibit.pdf and is verified with it.",
)
_WARC = FileKind(
    "is a web archive (WARC), not a bundle.", "A recorded visit is verified with its bundle. Use that bundle."
)
_PICTURE = FileKind(
    "is a picture, not a bundle.",
    "Use the bundle's ZIP. To find the work that a picture shows, use `exhibit identify`.",
)
_SIGNATURES = (
    (b"%PDF-", _PDF),
    (b"WARC/", _WARC),
    (b"\x89PNG\r\n", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE),
    (
        b"\x1f\x8b",
        FileKind("is a gzip file, not a bundle.", "Unpack it. A bundle is a ZIP, or the folder unpacked from it."),
    ),
    (b"7z\xbc\xaf", FileKind("is a 7-Zip file.", "Unpack it and use the ZIPs of the bundles.")),
    (b"Rar!", FileKind("is a RAR file.", "Unpack it and use the ZIPs of the bundles.")),
    (
        b"\0OpenTimestamps",
        FileKind(
            "is an OpenTimestamps receipt, not a bundle.", "It belongs to a bundle, in proofs/anchors. Use that bundle."
        ),
    ),
)
_TAR = FileKind("is a TAR file, not a bundle.", "Unpack it and use the ZIPs or folders of the bundles.")
_OFFICE = FileKind(
    "is an office document, not a bundle.",
    "A report lists the cases and their seals. Use the ZIPs of their bundles.",
)
_WACZ = FileKind(
    "is a web archive (WACZ), not a bundle.",
    ("A recorded visit is verified with its bundle. Use that bundle. To view the visit, use ReplayWeb.page."),
)
_JSON = {
    MANIFEST_FORMAT: FileKind(
        "is the manifest of a bundle, without its files.",
        "Use the ZIP, or the folder above data/ that contains bagit.txt.",
    ),
    "exhibit-facts": FileKind(
        "contains the facts of a bundle without its files.",
        "Use the ZIP, or the folder above data/ that contains bagit.txt.",
    ),
    "exhibit-trust": FileKind("is a trust list, not a bundle.", "Use it with --trust, together with a bundle."),
}


def detect_kind(path: Path) -> FileKind:
    """Detect the kind of a path that neither is nor contains a bundle."""
    if path.is_dir():
        return _detect_folder_kind(path)
    if not path.exists():
        return FileKind("does not exist.")
    return _detect_file_kind(path)


def _detect_file_kind(path: Path) -> FileKind:
    with path.open("rb") as file:
        header = file.read(512)
    if not header:
        return FileKind("is empty.")
    if is_zip(path):
        return _detect_zip_kind(path)
    known_kind = next((kind for prefix, kind in _SIGNATURES if header.startswith(prefix)), None)
    if known_kind is None:
        known_kind = _TAR if header[257:262] == b"ustar" else _detect_text_kind(path, header)
    return known_kind


def _detect_folder_kind(path: Path) -> FileKind:
    for ancestor in list(path.resolve().parents)[:4]:
        if (ancestor / "bagit.txt").is_file():
            return FileKind(
                f"is a folder inside a bundle. The bundle is {ancestor}.", "Use that folder, or the bundle's ZIP."
            )
    return FileKind(
        "is a folder without a bundle.", "Use the folder that contains bagit.txt, or a folder with ZIPs of bundles."
    )


def _detect_zip_kind(path: Path) -> FileKind:
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist()[:MAX_NAMES])
    except (BadZipFile, ValueError, NotImplementedError):
        return FileKind("starts like a ZIP but cannot be read: it is damaged or incomplete.", "Download it again.")
    if "[Content_Types].xml" in names:
        return _OFFICE
    if "datapackage.json" in names and any(name.startswith("archive/") for name in names):
        return _WACZ
    if {"card.json", "network.onnx"} <= names:
        return FileKind("is a shared model, not a bundle.", "`exhibit model add` checks its card.")
    if not names:
        return FileKind("is an empty ZIP.")
    return FileKind(
        f"is a ZIP without a bundle (files: {len(names)}).",
        ("Use a bundle's ZIP as downloaded, the folder that contains bagit.txt, or a package of such ZIPs."),
    )


def _detect_text_kind(path: Path, header: bytes) -> FileKind:
    if header.lstrip()[:1] in {b"{", b"["} and path.stat().st_size <= MAX_JSON_BYTES:
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            content = None
        format_name = str(content.get("format", "")) if isinstance(content, dict) else ""
        for prefix, kind in _JSON.items():
            if format_name.startswith(prefix):
                return kind
        if content is not None:
            return FileKind(
                "is a JSON file, not a bundle.",
                ("Use the bundle's ZIP. For decisions in a log, `python -m evidence accuracy` computes error rates."),
            )
    if header.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return FileKind("is a web page, not a bundle.", f"{BUNDLE_HINT} To use verify.html, open it in a browser.")
    if b"\0" not in header:
        return FileKind(
            "is a text file, not a bundle.",
            f"{BUNDLE_HINT} If the file is the list of contents of a package, it lists the bundles.",
        )
    return FileKind("is neither a ZIP nor a bundle.")
