"""Test reading of files' metadata, as cameras and programs write it, and malformed."""

import io

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from exhibit.pictures.decode import Limits
from exhibit.pictures.metadata import FileMetadata, read_metadata
from exhibit.pictures.xmp import UNREADABLE_CHAR, list_properties, parse_packet, read_texts
from tests.assets.metadata_cases import CASES
from tests.assets.metadata_files import PHOTOSHOP, XMP_NAME, app1, resource, segment, with_segments, xmp

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
 photoshop:Credit="Agency" photoshop:DateCreated="2020-05-31T10:00:00" xmpRights:WebStatement="https://a.example/cc">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Two parrots</rdf:li>
<rdf:li xml:lang="zh">鸟</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>Ann Lee</rdf:li><rdf:li>陈明</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>parrots</rdf:li><rdf:li>red, green</rdf:li></rdf:Bag></dc:subject>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Ann Lee</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def exif(**tags: str | bytes) -> Image.Exif:
    exif_data = Image.Exif()
    for name, value in tags.items():
        if name == "DateTimeOriginal":
            exif_data.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = value
        else:
            exif_data[ExifTags.Base[name]] = value
    return exif_data


def jpeg(**more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG", **more)
    return out.getvalue()


def with_iptc(data: bytes, **fields: bytes) -> bytes:
    """Add IPTC records 2:number in a Photoshop block to a JPEG."""
    records = b"".join(
        b"\x1c\x02" + bytes([int(name[1:])]) + len(value).to_bytes(2, "big") + value for name, value in fields.items()
    )
    block = (
        b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records + b"\0" * (len(records) % 2)
    )
    return data[:2] + b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def metadata_of(data: bytes) -> FileMetadata:
    return read_metadata(data, Limits())


def test_exif_is_read_with_utf_8_text_and_date() -> None:
    tags = exif(Artist="陈明".encode(), Copyright="© Ann".encode(), DateTimeOriginal="2020:05:31 10:00:00")
    metadata = metadata_of(jpeg(exif=tags))
    assert (metadata.author, metadata.rights, metadata.created) == ("陈明", "© Ann", "2020-05-31")


def test_keywords_are_read_from_iptc_and_windows_tags() -> None:
    assert metadata_of(with_iptc(jpeg(), n25=b"parrots")).keywords == "parrots"
    tags = Image.Exif()
    tags[0x9C9E] = tuple("harbour;dawn".encode("utf-16-le"))
    assert metadata_of(jpeg(exif=tags)).keywords == "harbour, dawn"


def test_iptc_metadata_is_read() -> None:
    data = with_iptc(jpeg(), n5=b"Two parrots", n80=b"Ann Lee", n110=b"Agency", n116="© Ann".encode(), n55=b"20200531")
    assert metadata_of(data) == FileMetadata("Two parrots", "Ann Lee", "2020-05-31", "© Ann", "Agency")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_read_in_every_format_and_precedes_exif(form: str) -> None:
    out, picture = io.BytesIO(), Image.new("RGB", (40, 30))
    more: dict[str, object] = {"xmp": XMP.encode()}
    if form == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        more = {"pnginfo": info}
    if form == "TIFF":
        more = {"tiffinfo": {700: XMP.encode()}}
    picture.save(out, form, **more, **({"exif": exif(Artist="Somebody else")} if form == "JPEG" else {}))
    metadata = metadata_of(out.getvalue())
    assert (metadata.title, metadata.author, metadata.credit, metadata.created) == (
        "Two parrots",
        "Ann Lee, 陈明",
        "Agency",
        "2020-05-31",
    )
    assert (metadata.rights, metadata.licence) == ("© Ann Lee", "https://a.example/cc")
    assert metadata.keywords == "parrots, red, green"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        jpeg()[:40],
        jpeg(xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><unclosed>"),
        jpeg(xmp=b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'),
        jpeg(xmp=b"<a>" * 5_000),
        with_iptc(jpeg(), n5=b"\xff\xfe\0\0"),
        jpeg(exif=exif(DateTimeOriginal="0000:00:00 00:00:00")),
        jpeg(exif=exif(DateTimeOriginal="9999:99:99")),
    ],
)
def test_unreadable_metadata_is_omitted(data: bytes) -> None:
    metadata = metadata_of(data)
    assert (metadata.author, metadata.rights) == ("", "")
    assert metadata.created in ("", "9999")


def test_text_is_limited_to_printable_characters_and_length() -> None:
    metadata = metadata_of(jpeg(exif=exif(Artist="A\nB\x07\x1b[31m " + "x" * 5_000)))
    assert metadata.author.startswith("A B [31m x")
    assert len(metadata.author) == 300


LABEL = (
    '{"Label":"1","ContentProducer":"001191440300","ProduceID":"p-1",'
    '"ReservedCode1":"x","ContentPropagator":"","PropagateID":7}'
)
LABEL_TEXT = "Label: 1, ContentProducer: 001191440300, ProduceID: p-1, PropagateID: 7"
GENERATED_XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia">
<TC260:AIGC>{LABEL}</TC260:AIGC></rdf:Description></rdf:RDF></x:xmpmeta>"""


def png(**texts: str) -> bytes:
    out, info = io.BytesIO(), PngInfo()
    for name, text in texts.items():
        info.add_itxt(name.replace("_", ":"), text)
    Image.new("RGB", (40, 30)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def exif_with_comment(comment: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return tags


def test_reference_to_unknown_name_is_not_an_author_and_is_reported() -> None:
    metadata = metadata_of(jpeg(xmp=XMP.replace("Ann Lee</rdf:li>", "&author;</rdf:li>").encode()))
    assert (metadata.author, metadata.title) == ("陈明", "Two parrots")
    assert ("author", "damaged") in [(problem.field, problem.reason) for problem in metadata.problems]
    assert metadata_of(
        jpeg(xmp=XMP.replace("Ann Lee</rdf:li>", "Ann & Lee&nbsp;B</rdf:li>").encode())
    ).author.startswith("Ann & Lee B")


def test_source_type_and_ai_label_are_read_from_xmp() -> None:
    metadata = metadata_of(jpeg(xmp=GENERATED_XMP.encode()))
    assert metadata.source_type == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert metadata.aigc == LABEL_TEXT
    as_attribute = GENERATED_XMP.replace(f"<TC260:AIGC>{LABEL}</TC260:AIGC>", "").replace(
        'rdf:about=""', "rdf:about='' TC260:AIGC='" + LABEL + "'"
    )
    assert metadata_of(jpeg(xmp=as_attribute.encode())).aigc == LABEL_TEXT


@pytest.mark.parametrize(
    "data",
    [
        png(AIGC=LABEL),
        png(AIGC='{"AIGC":' + LABEL + "}"),
        jpeg(exif=exif_with_comment(b"ASCII\0\0\0" + b'{"AIGC":' + LABEL.encode() + b"}")),
        jpeg(exif=exif_with_comment(b"UNICODE\0" + ('{"AIGC":' + LABEL + "}").encode("utf-16"))),
        jpeg(exif=exif_with_comment(b"\0" * 8 + b'{"AIGC":' + LABEL.encode() + b"}\0\0")),
    ],
)
def test_ai_label_outside_xmp_is_read(data: bytes) -> None:
    assert metadata_of(data).aigc == LABEL_TEXT


@pytest.mark.parametrize(
    "label",
    [
        "",
        "AIGC",
        "[1, 2]",
        "[" * 10_000,
        '{"AIGC": {"AIGC": 1}}',
        '{"Label": ' + "1" * 5_000 + "}",
        '{"Label": {"Label": "1"}, "ProduceID": NaN}',
        '{"Label": "\\ud800\\u0000"}',
        '{"Label": "' + "1" * 20_000 + '"}',
    ],
)
def test_invalid_ai_label_is_ignored(label: str) -> None:
    for data in (png(AIGC=label), jpeg(exif=exif_with_comment(b"ASCII\0\0\0" + label.encode()))):
        assert metadata_of(data).aigc in ("", "Label: \ufffd")


def test_overlong_ai_label_is_truncated() -> None:
    assert len(metadata_of(png(AIGC='{"Label": "' + "1" * 9_000 + '", "ProduceID": "p"}')).aigc) == 300


def test_unrelated_comment_is_not_an_ai_label() -> None:
    assert metadata_of(jpeg(exif=exif_with_comment(b"ASCII\0\0\0" + b'{"a": 1}'))).aigc == ""


@pytest.mark.parametrize("name", CASES)
def test_valid_metadata_blocks_are_read_and_invalid_blocks_are_reported(name: str) -> None:
    case = CASES[name]
    metadata = metadata_of(case.make())
    problems = sorted((problem.block, problem.reason, problem.field) for problem in metadata.problems)
    assert (metadata.as_dict(), problems) == (case.fields, sorted(case.problems))


def test_undecoded_text_is_shown_without_guessing() -> None:
    (problem,) = metadata_of(with_iptc(jpeg(), n80=b"Zofia \xa3\xeacka")).problems
    assert (problem.field, problem.text) == ("author", "Zofia \ufffd\ufffdcka")


def test_unreadable_file_is_reported() -> None:
    assert [problem.reason for problem in metadata_of(b"no picture").problems] == ["not-a-picture"]


@pytest.mark.parametrize("code", [0x00, 0x1C, 0x3C, 0xFF])
def test_damaged_metadata_never_yields_a_wrong_creator(code: int) -> None:
    """Overwrite every byte of equal blocks once, and test that a name is correct, absent, or marked as damaged."""
    packet = xmp("Zoë")
    for place in range(len(packet)):
        root = parse_packet(packet[:place] + bytes([code]) + packet[place + 1 :]).root
        names = [
            read_texts(value) for name, value in ([] if root is None else list_properties(root)) if name == "creator"
        ]
        assert all(name in ([], ["Zoë"]) or UNREADABLE_CHAR in name[0] for name in names), place


def test_hostile_metadata_blocks_are_read_quickly() -> None:
    """Test that blocks that make a reader search repeatedly take less than a second of processor time."""
    blocks = [b"\x1c" * 60_000, (b"\x1c\x02\x50\xea\x60" * 12_000)[:60_000], b"\x1c\x02\x50\0\1a" * 10_000]
    files = [with_segments(*[segment(0xED, PHOTOSHOP + resource(block))] * 20) for block in blocks]
    files += [with_segments(*[segment(0xED, PHOTOSHOP + b"8BIM\4\4\0\0\0\0\0\1" * 5_000)] * 20)]
    files += [
        with_segments(app1(XMP_NAME + b"<rdf:RDF>" + unit * (60_000 // len(unit)))) for unit in (b"<", b"&", b"<a ")
    ]
    files += [with_segments(*[segment(0xFE, b"\xe9" * 60_000)] * 100)]
    for data in files:
        assert "too-slow" not in {problem.reason for problem in read_metadata(data, Limits(seconds=2.0)).problems}
