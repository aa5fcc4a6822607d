"""Test that a rights statement is written into an image file beside existing metadata, without changing a pixel."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from exhibit.errors import RefusedError
from exhibit.pictures.decode import Limits
from exhibit.pictures.embedding import DATA_MINING_PROHIBITED, RightsStatement, embed_rights
from exhibit.pictures.metadata import read_metadata
from exhibit.pictures.xmp import MAX_XMP
from tests.assets.metadata_files import XMP_NAME, app1, with_segments, xmp
from tests.exhibit.pictures.test_metadata import GENERATED_XMP, XMP, exif, jpeg, png

STATEMENT = RightsStatement(
    "Hafen <1> & 港", "Ann Lee", "Ann Lee / Studio", "© Ann", "Studio", "https://a.example/l?a=1&b=2", no_mining=True
)


def xmp_of(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp")
    assert packet is not None
    return packet if isinstance(packet, str) else bytes(packet).decode()


def png_with_xmp(packet: str, *, small: bool = False) -> bytes:
    """Return a PNG with an XMP packet, compressed or not."""
    out, info = io.BytesIO(), PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet, zip=small)
    Image.new("RGB", (40, 30)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("data", [jpeg(), jpeg(exif=exif(Artist="B")), png(), jpeg(xmp=XMP.encode()), png(AIGC="x")])
def test_embedded_metadata_round_trips_without_pixel_changes(data: bytes) -> None:
    embedded = embed_rights(data, STATEMENT)
    metadata = read_metadata(embedded, Limits())
    assert (metadata.title, metadata.author, metadata.credit, metadata.rights) == (
        STATEMENT.title,
        STATEMENT.creator,
        STATEMENT.credit,
        STATEMENT.rights,
    )
    assert metadata.licence == STATEMENT.licensor
    assert DATA_MINING_PROHIBITED in xmp_of(embedded)
    assert "<plus:CopyrightOwnerName>Studio<" in xmp_of(embedded)
    assert (pixels(embedded) == pixels(data)).all()
    again = xmp_of(embed_rights(embedded, STATEMENT))
    assert (again.count(DATA_MINING_PROHIBITED), again.count("plus:LicensorURL>")) == (1, 2)


def test_other_metadata_is_preserved() -> None:
    for data in (
        jpeg(xmp=GENERATED_XMP.encode()),
        png_with_xmp(GENERATED_XMP),
        png_with_xmp(GENERATED_XMP, small=True),
    ):
        metadata = read_metadata(embed_rights(data, STATEMENT), Limits())
        assert (metadata.aigc, metadata.author) == (read_metadata(data, Limits()).aigc, "Ann Lee")
    assert "trainedAlgorithmicMedia" in xmp_of(embed_rights(jpeg(xmp=GENERATED_XMP.encode()), STATEMENT))
    embedded = embed_rights(jpeg(xmp=XMP.encode()), RightsStatement(credit="Studio"))
    assert read_metadata(embedded, Limits()).author == "Ann Lee, 陈明"
    assert xmp_of(embedded).count("photoshop:Credit>") == 2
    assert "Agency" not in xmp_of(embedded)


@pytest.mark.parametrize(
    "packet",
    [b"<a>" * 5_000, b"<unclosed", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a/>", b"\xff\xfe\0"],
)
def test_unreadable_packet_is_replaced(packet: bytes) -> None:
    assert read_metadata(embed_rights(jpeg(xmp=packet), STATEMENT), Limits()).author == "Ann Lee"
    bomb = embed_rights(png_with_xmp("<a>" + " " * (MAX_XMP << 1), small=True), STATEMENT)
    assert len(bomb) < 10_000


def test_intact_properties_of_damaged_packet_are_preserved() -> None:
    data = with_segments(app1(XMP_NAME + xmp().replace(b"Ann", b"Jos\xe9").replace(b"</rdf:Alt>", b"</rdf:A\xffl>")))
    metadata = read_metadata(embed_rights(data, RightsStatement(creator="Ann Lee")), Limits())
    assert (metadata.author, metadata.credit, metadata.title, metadata.problems) == ("Ann Lee", "Agency", "", ())


def test_other_formats_and_damaged_files_are_refused() -> None:
    for data in (
        b"",
        b"GIF89a",
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n\0\0",
        b"\xff\xd8\xff\xe1\0\0" * 9,
    ):
        with pytest.raises(RefusedError):
            embed_rights(data, STATEMENT)
    with pytest.raises(RefusedError, match="too long"):
        embed_rights(jpeg(), RightsStatement(rights="x" * 70_000))
