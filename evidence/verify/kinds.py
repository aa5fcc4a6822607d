"""Description of a file or folder that is not a bundle, with a hint on what to pass instead."""

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from evidence.bundle.manifest import MANIFEST_FORMAT
from evidence.formats.zipread import is_zip

MAX_JSON = 4 << 20
MAX_NAMES = 10_000
BUNDLE = "Give the bundle's ZIP as it was downloaded, or the folder that holds bagit.txt."


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of a file or folder.

    A sentence that continues after its name, and a hint on what to pass instead, which may be empty.
    """

    sentence: str
    hint: str = BUNDLE


_PDF = Kind(
    "is a PDF, and no bundle. A sheet, a report or a letter says which bundle it rests on.",
    "Give that bundle: its ZIP, or the folder that holds bagit.txt. An exhibit sheet lies in its own as "
    "data/exhibit.pdf, and is checked with it.",
)
_WARC = Kind(
    "is a web archive (WARC), and no bundle.", "A recorded visit is checked with the bundle that it lies in: give that."
)
_PICTURE = Kind("is a picture, and no bundle.", "Give the bundle's ZIP. Whose picture it is says `exhibit identify`.")
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
        Kind("is packed by gzip, and no bundle.", "Unpack it. A bundle is a ZIP, or the folder it was unpacked into."),
    ),
    (b"7z\xbc\xaf", Kind("is packed by 7-Zip.", "Unpack it, and give the bundles' ZIPs in it.")),
    (b"Rar!", Kind("is packed by RAR.", "Unpack it, and give the bundles' ZIPs in it.")),
    (
        b"\0OpenTimestamps",
        Kind(
            "is a receipt of OpenTimestamps, and no bundle.", "It lies in its bundle below proofs/anchors: give that."
        ),
    ),
)
_TAR = Kind("is a TAR, and no bundle.", "Unpack it, and give the bundles' ZIPs or folders in it.")
_OFFICE = Kind(
    "is a spreadsheet or another file of an office program, and no bundle.",
    "A report names the cases and their seals: give the bundles' ZIPs of these.",
)
_WACZ = Kind(
    "is a web archive (WACZ), and no bundle.",
    "A recorded visit is checked with the bundle that it lies in: give that. By itself it is shown by ReplayWeb.page.",
)
_JSON = {
    MANIFEST_FORMAT: Kind(
        "is the manifest of a bundle, without its files.",
        "Give the ZIP, or the folder above data/ that holds bagit.txt.",
    ),
    "exhibit-facts": Kind(
        "holds the facts of a bundle, without its files.",
        "Give the ZIP, or the folder above data/ that holds bagit.txt.",
    ),
    "exhibit-trust": Kind("is a list of whom to trust, and no bundle.", "Name it by --trust, and give a bundle."),
}


def kind_of(path: Path) -> Kind:
    """Return the kind of a path that neither is nor contains a bundle."""
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        return Kind("isn't there: no file or folder has that name.")
    return _of_file(path)


def _of_file(path: Path) -> Kind:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return Kind("is empty.")
    if is_zip(path):
        return _of_zip(path)
    known = next((kind for begins, kind in _SIGNATURES if head.startswith(begins)), None)
    if known is None:
        known = _TAR if head[257:262] == b"ustar" else _of_text(path, head)
    return known


def _of_folder(path: Path) -> Kind:
    for above in list(path.resolve().parents)[:4]:
        if (above / "bagit.txt").is_file():
            return Kind(
                f"is a folder inside of a bundle. The bundle is {above}.", "Give that folder, or the bundle's ZIP."
            )
    return Kind(
        "is a folder in which no bundle lies.", "Give the folder that holds bagit.txt, or one with bundles' ZIPs in it."
    )


def _of_zip(path: Path) -> Kind:
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist()[:MAX_NAMES])
    except (BadZipFile, ValueError, NotImplementedError):
        return Kind(
            "begins like a ZIP and can't be read as one: it is damaged, or not all there.", "Download it again."
        )
    if "[Content_Types].xml" in names:
        return _OFFICE
    if "datapackage.json" in names and any(name.startswith("archive/") for name in names):
        return _WACZ
    if {"card.json", "network.onnx"} <= names:
        return Kind("is a shared model, and no bundle.", "`exhibit model add` checks its card.")
    if not names:
        return Kind("is an empty ZIP.")
    return Kind(
        f"is a ZIP in which no bundle lies (files: {len(names)}).",
        "Give a bundle's ZIP as it was downloaded, the folder that holds bagit.txt, or a package of such ZIPs.",
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
                "is JSON, and no bundle.",
                "Give the bundle's ZIP. Of decisions in a log, `python -m evidence accuracy` tells error rates.",
            )
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return Kind(
            "is a web page, and no bundle.", f"{BUNDLE} verify.html is opened in a browser, and takes bundles there."
        )
    if b"\0" not in head:
        return Kind("is a text, and no bundle.", f"{BUNDLE} A list of contents names them.")
    return Kind("isn't a ZIP, and no bundle.")
