"""Description of a file or folder that is not a bundle, with a hint on what to pass instead."""

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from evidence.bundle.manifest import MANIFEST_FORMAT
from evidence.formats.zipread import is_zip

MAX_JSON = 4 << 20
MAX_NAMES = 10_000
BUNDLE = "Give the bundle's ZIP as downloaded, or the folder that contains bagit.txt."


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of a file or folder.

    A sentence that continues after its name, and a hint on what to pass instead, which may be empty.
    """

    sentence: str
    hint: str = BUNDLE


_PDF = Kind(
    ("is a PDF, not a bundle. An exhibit sheet, a report or a notice names the bundle on which it is based."),
    "Give that bundle: its ZIP, or the folder that contains bagit.txt. An exhibit sheet is "
    "in its bundle as data/exhibit.pdf and is verified with it.",
)
_WARC = Kind("is a web archive (WARC), not a bundle.", "A recorded visit is verified with its bundle. Give the bundle.")
_PICTURE = Kind(
    "is a picture, not a bundle.",
    "Give the bundle's ZIP. To find the work that a picture shows, use `exhibit identify`.",
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
        Kind("is a gzip file, not a bundle.", "Unpack it. A bundle is a ZIP, or the folder unpacked from it."),
    ),
    (b"7z\xbc\xaf", Kind("is a 7-Zip file.", "Unpack it and give the ZIPs of the bundles.")),
    (b"Rar!", Kind("is a RAR file.", "Unpack it and give the ZIPs of the bundles.")),
    (
        b"\0OpenTimestamps",
        Kind(
            "is an OpenTimestamps receipt, not a bundle.", "It is in its bundle under proofs/anchors. Give the bundle."
        ),
    ),
)
_TAR = Kind("is a TAR file, not a bundle.", "Unpack it and give the ZIPs or folders of the bundles.")
_OFFICE = Kind(
    "is an office document, not a bundle.",
    "A report names the cases and their seals. Give the ZIPs of their bundles.",
)
_WACZ = Kind(
    "is a web archive (WACZ), not a bundle.",
    ("A recorded visit is verified with its bundle. Give the bundle. To view it, use ReplayWeb.page."),
)
_JSON = {
    MANIFEST_FORMAT: Kind(
        "is the manifest of a bundle, without its files.",
        "Give the ZIP, or the folder above data/ that contains bagit.txt.",
    ),
    "exhibit-facts": Kind(
        "contains the facts of a bundle without its files.",
        "Give the ZIP, or the folder above data/ that contains bagit.txt.",
    ),
    "exhibit-trust": Kind("is a trust list, not a bundle.", "Use it with --trust, and give a bundle."),
}


def kind_of(path: Path) -> Kind:
    """Return the kind of a path that neither is nor contains a bundle."""
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        return Kind("does not exist.")
    return _of_file(path)


def _of_file(path: Path) -> Kind:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return Kind("is empty.")
    if is_zip(path):
        return _of_zip(path)
    known_kind = next((kind for begins, kind in _SIGNATURES if head.startswith(begins)), None)
    if known_kind is None:
        known_kind = _TAR if head[257:262] == b"ustar" else _of_text(path, head)
    return known_kind


def _of_folder(path: Path) -> Kind:
    for above in list(path.resolve().parents)[:4]:
        if (above / "bagit.txt").is_file():
            return Kind(
                f"is a folder inside a bundle. The bundle is {above}.", "Give that folder, or the bundle's ZIP."
            )
    return Kind(
        "is a folder without a bundle.", "Give the folder that contains bagit.txt, or a folder with ZIPs of bundles."
    )


def _of_zip(path: Path) -> Kind:
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist()[:MAX_NAMES])
    except (BadZipFile, ValueError, NotImplementedError):
        return Kind("starts like a ZIP but cannot be read: it is damaged or incomplete.", "Download it again.")
    if "[Content_Types].xml" in names:
        return _OFFICE
    if "datapackage.json" in names and any(name.startswith("archive/") for name in names):
        return _WACZ
    if {"card.json", "network.onnx"} <= names:
        return Kind("is a shared model, not a bundle.", "`exhibit model add` checks its card.")
    if not names:
        return Kind("is an empty ZIP.")
    return Kind(
        f"is a ZIP without a bundle (files: {len(names)}).",
        ("Give a bundle's ZIP as downloaded, the folder that contains bagit.txt, or a package of such ZIPs."),
    )


def _of_text(path: Path, head: bytes) -> Kind:
    if head.lstrip()[:1] in {b"{", b"["} and path.stat().st_size <= MAX_JSON:
        try:
            plain = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            plain = None
        format_name = str(plain.get("format", "")) if isinstance(plain, dict) else ""
        for begins, kind in _JSON.items():
            if format_name.startswith(begins):
                return kind
        if plain is not None:
            return Kind(
                "is a JSON file, not a bundle.",
                ("Give the bundle's ZIP. For decisions in a log, `python -m evidence accuracy` computes error rates."),
            )
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return Kind("is a web page, not a bundle.", f"{BUNDLE} To use verify.html, open it in a browser.")
    if b"\0" not in head:
        return Kind("is a text file, not a bundle.", f"{BUNDLE} A list of contents names the bundles.")
    return Kind("is neither a ZIP nor a bundle.")
