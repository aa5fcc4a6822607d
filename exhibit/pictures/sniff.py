"""Detection of the type of files that are not images, for error messages."""

import re

PICTURE_MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"BM")
"""Magic bytes of the decodable formats that a few bytes identify."""

RAW_PHOTOGRAPH = "a raw photograph"
_RAW_MAGICS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\0", b"MMOR", b"FOVb", b"\0MRM")
"""Magic bytes of Fujifilm, Olympus, Panasonic, Leica, Sigma, Minolta. Others are TIFF (``pictures.tiff_pages``)."""
_MAGICS = (
    *((magic, RAW_PHOTOGRAPH) for magic in _RAW_MAGICS),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"qoif", "a QOI picture"),
    (b"#?RADIANCE", "an HDR picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"%!PS", "a PostScript file"),
    (b"DDS ", "a DDS texture"),
)
_BRANDS = {
    b"avif": "a damaged AVIF picture",
    b"avis": "a damaged AVIF picture",
    b"heic": "a HEIC picture",
    b"heix": "a HEIC picture",
    b"mif1": "a HEIF picture",
    b"crx ": RAW_PHOTOGRAPH,
}
_MARKUP = re.compile(
    rb"(?P<drawing><svg[\s>])|<(?:!doctype html|html|head|body|script|title|meta|div|p[\s>])", re.IGNORECASE
)
"""Opening tags of drawings and pages. The first match decides: pages contain drawings, and drawings contain scripts."""
_TEXTS = (
    (re.compile(rb"\A\s*<\?xml"), "an XML document"),
    (re.compile(rb"\A\s*[\[{]\s*(\"|\]|\}|\{|\[)"), "JSON"),
)
_SNIFFED_BYTES = 4096


def detect_kind(data: bytes) -> str | None:
    """Return the type of a file, such as ``an HTML page``, or ``None`` if it is unknown."""
    head = data[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf")
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video")
    if b"\0" in head:  # binary data, even if metadata in it contains markup
        return None
    if markup := _MARKUP.search(head):
        return "an SVG drawing" if markup["drawing"] else "an HTML page"
    for pattern, kind in _TEXTS:
        if pattern.search(head):
            return kind
    return None
