"""Files whose metadata is hard to read, with the expected fields and problems of each."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from PIL import ExifTags, Image

from tests.assets.metadata_files import (
    PHOTOSHOP,
    XMP_NAME,
    app1,
    chunk,
    dataset,
    extended,
    gif,
    long_dataset,
    png,
    raw_profile,
    resource,
    save_with_pillow,
    segment,
    tiff,
    webp,
    with_exif,
    with_iptc,
    with_segments,
    xmp,
)


class Case(NamedTuple):
    """A file, its expected fields, and block, reason and field of each problem."""

    make: Callable[[], bytes]
    fields: Mapping[str, str]
    problems: tuple[tuple[str, str, str], ...] = ()


UNKNOWN = ("IPTC", "encoding", "author")
IPTC_DAMAGED, XMP_DAMAGED, EXIF_DAMAGED = (("IPTC", "damaged", ""), ("XMP", "damaged", ""), ("EXIF", "damaged", ""))
ARTIST, COPYRIGHT = 0x013B, 0x8298
ANN = [(ARTIST, 2, b"Ann Lee\0"), (COPYRIGHT, 2, b"(c) Ann Lee\0")]


def byline(value: bytes, charset: bytes | None = None, packet: bytes = b"") -> Callable[[], bytes]:
    more = [app1(XMP_NAME + packet)] if packet else []
    return lambda: with_iptc(dataset(80, value), charset=charset, more=more)


def in_xmp(packet: bytes) -> Callable[[], bytes]:
    return lambda: with_segments(app1(XMP_NAME + packet))


def by_name_in_xmp(encoding: str, name: str) -> Callable[[], bytes]:
    iptc = [dataset(80, name.encode(encoding)), dataset(116, f"(c) {name}".encode(encoding))]
    return lambda: with_iptc(*iptc, more=[app1(XMP_NAME + xmp(name))])


def in_exif(block: bytes) -> Callable[[], bytes]:
    return lambda: with_exif(block)


def sub_directory(order: str, inner_order: str) -> bytes:
    """Return EXIF with an artist, and a comment in a sub-directory of another byte order."""
    comment = b"ASCII\0\0\0Seen at dawn"
    start = 8 + 2 + 24 + 4 + 8
    table = struct.pack(f"{order}H", 2)
    table += struct.pack(f"{order}HHII", ARTIST, 2, 8, start - 8)
    table += struct.pack(f"{order}HHII", 0x8769, 4, 1, start) + b"\0" * 4 + b"Ann Lee\0"
    inner = struct.pack(f"{inner_order}HHHII", 1, 0x9286, 7, len(comment), start + 18) + b"\0" * 4
    return {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8) + table + inner + comment


def tiff_file(**tags: bytes) -> bytes:
    info = {ExifTags.Base[name].value if not name.startswith("t") else int(name[1:]): tags[name] for name in tags}
    return save_with_pillow("TIFF", tiffinfo=info)


def build_exif(**tags: str) -> Image.Exif:
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif


FULL = {"author": "Ann Lee", "title": "Harbour", "credit": "Agency"}
SPLIT = PHOTOSHOP + resource(b"x" * 60, 0x03ED) + resource(dataset(80, b"Ann Lee") + dataset(116, b"Ours"))
CASES: dict[str, Case] = {
    # character sets declared by IPTC
    **{
        f"declared {encoding}": Case(byline(name.encode(encoding), charset), {"author": name})
        for encoding, charset, name in (
            ("iso8859-1", b"\x1b-A", "José Núñez"),
            ("iso8859-1", b"\x1b.A", "José"),
            ("iso8859-1", b"\x1b/A", "Zoë"),
            ("iso8859-2", b"\x1b-B", "Zofia Łęcka"),
            ("iso8859-3", b"\x1b-C", "Ĉapek"),
            ("iso8859-4", b"\x1b-D", "Jānis"),
            ("iso8859-5", b"\x1b-L", "Анна Ли"),
            ("iso8859-7", b"\x1b-F", "Άννα"),
            ("iso8859-9", b"\x1b-M", "Ayşe Işık"),
            ("iso8859-15", b"\x1b-b", "Žofie Œuf"),
            ("utf-8", b"\x1b%G", "陈明"),
            ("utf-8", b"\x1b%/I", "Łęcka"),
            ("gb2312", b"\x1b$)A", "陈明"),
            ("euc_kr", b"\x1b$)C", "김민수"),
            ("euc_jp", b"\x1b$)B", "山田太郎"),
            ("ascii", b"\x1b(B\x1b-B", "Ann Lee"),
            ("iso8859-2", b"\x1b(B\x1b-B\x1b.A", "Łęcka"),
        )
    },
    **{
        f"declared by the name {charset.decode()}": Case(byline(name.encode(encoding), charset), {"author": name})
        for encoding, charset, name in (
            ("utf-8", b"UTF-8", "Łęcka"),
            ("iso8859-2", b"ISO-8859-2", "Łęcka"),
            ("cp1252", b"windows-1252", "Zoë “Z” Lee"),
            ("mac_roman", b"MacRoman", "José"),
        )
    },
    "declared by a name that nobody knows": Case(byline(b"Jos\xe9", b"isolatinx"), {}, (UNKNOWN,)),
    "GBK that happens to be valid UTF-8": Case(byline("小雪".encode("gbk")), {}, (UNKNOWN,)),
    "undeclared UTF-16": Case(byline("Ann Lee".encode("utf-16-le")), {}, (UNKNOWN,)),
    "UTF-8 of other alphabets": Case(byline("Άννα Анна אן آن".encode()), {"author": "Άννα Анна אן آن"}),
    "undeclared Mac Roman, the name in EXIF": Case(
        lambda: with_iptc(dataset(80, b"Jos\x8e"), more=[app1(b"Exif\0\0" + tiff([(ARTIST, 2, "José\0".encode())]))]),
        {"author": "José"},
    ),
    "declared UTF-8, written Latin-1": Case(byline(b"Jos\xe9", b"\x1b%G"), {}, (UNKNOWN,)),
    "declared Latin-1, written UTF-8": Case(byline("José".encode(), b"\x1b-A"), {}, (UNKNOWN,)),
    "declared Latin-1, written Mac Roman": Case(byline(b"Jos\x8e", b"\x1b-A"), {}, (UNKNOWN,)),
    "declared set that nobody registered": Case(byline(b"Jos\xe9", b"\x1b-z"), {}, (UNKNOWN,)),
    "a text that changes its set": Case(byline(b"Ann \x1b-L\xb0", b"\x1b-A"), {}, (UNKNOWN,)),
    "a German variant of ASCII": Case(byline(b"J}rgen", b"\x1b(K"), {}, (UNKNOWN,)),
    # undeclared character sets
    "undeclared UTF-8": Case(byline("Zofia Łęcka".encode()), {"author": "Zofia Łęcka"}),
    **{
        f"undeclared {encoding}": Case(byline(name.encode(encoding)), {}, (UNKNOWN,))
        for encoding, name in (
            ("mac_roman", "José"),
            ("cp1252", "José"),
            ("gbk", "陈明"),
            ("cp1250", "Łęcka"),
            ("big5", "陳明"),
            ("cp1251", "Анна"),
            ("cp932", "山田"),
            ("cp949", "김민수"),
            ("iso2022_jp", "山田"),
        )
    },
    "undeclared, only the copyright sign": Case(
        lambda: with_iptc(dataset(116, b"\xa9 2024 Ann Lee")), {"rights": "© 2024 Ann Lee"}
    ),
    **{
        f"undeclared {encoding}, the name in XMP": Case(
            by_name_in_xmp(encoding, name),
            {"author": name, "rights": f"(c) {name}", "title": "Harbour", "credit": "Agency"},
        )
        for encoding, name in (("mac_roman", "José"), ("cp1252", "Zoë"), ("gbk", "陈明"), ("cp1250", "Łęcka"))
    },
    "undeclared, another name in XMP": Case(
        byline(b"Jos\xe9", packet=xmp("Łęcka")), {**FULL, "author": "Łęcka"}, (UNKNOWN,)
    ),
    "one keyword of several": Case(
        lambda: with_iptc(dataset(25, b"dawn"), dataset(25, b"caf\xe9")),
        {"keywords": "dawn"},
        (("IPTC", "encoding", "keywords"),),
    ),
    # IPTC blocks
    "junk behind IPTC": Case(
        lambda: with_iptc(dataset(80, b"Ann Lee"), b"PADPAD\x1c\x02P"), {"author": "Ann Lee"}, (IPTC_DAMAGED,)
    ),
    "junk within IPTC": Case(
        lambda: with_iptc(dataset(80, b"Ann Lee"), b"PAD\x1c", dataset(116, b"Ours")),
        {"author": "Ann Lee", "rights": "Ours"},
        (IPTC_DAMAGED,),
    ),
    "zeros behind IPTC": Case(lambda: with_iptc(dataset(80, b"Ann Lee"), b"\0" * 99), {"author": "Ann Lee"}),
    "IPTC that breaks off": Case(
        lambda: with_iptc(dataset(116, b"Ours"), dataset(80, b"Ann Lee")[:-3]), {"rights": "Ours"}, (IPTC_DAMAGED,)
    ),
    "a length that is too large": Case(
        lambda: with_iptc(b"\x1c\x02\x50\0\x0cAnn Lee", dataset(116, b"Ours"), dataset(110, b"Agency")),
        {"rights": "Ours", "credit": "Agency"},
        (IPTC_DAMAGED,),
    ),
    "extended datasets": Case(
        lambda: with_iptc(long_dataset(120, b"x" * 40_000), long_dataset(80, b"Ann Lee", 2), dataset(116, b"Ours")),
        {"author": "Ann Lee", "rights": "Ours"},
    ),
    "an extended dataset that breaks off": Case(
        lambda: with_iptc(dataset(80, b"Ann Lee"), long_dataset(120, b"x" * 40_000)[:-9]),
        {"author": "Ann Lee"},
        (IPTC_DAMAGED,),
    ),
    "a long dataset with a plain length": Case(
        lambda: with_iptc(dataset(120, b"x" * 40_000), dataset(80, b"Ann Lee")), {"author": "Ann Lee"}
    ),
    "a byline that was cut within a letter": Case(byline("Zoë Lé".encode()[:-1], b"\x1b%G"), {}, (UNKNOWN,)),
    # Photoshop resources
    "a resource that goes on in the next segment": Case(
        lambda: with_segments(segment(0xED, SPLIT[:80]), segment(0xED, PHOTOSHOP + SPLIT[80:])),
        {"author": "Ann Lee", "rights": "Ours"},
    ),
    "resources in two segments": Case(
        lambda: with_segments(
            segment(0xED, PHOTOSHOP + resource(b"odd", 0x03ED)),
            segment(0xED, PHOTOSHOP + resource(dataset(80, b"Ann Lee"))),
        ),
        {"author": "Ann Lee"},
    ),
    "a resource without its pad byte": Case(
        lambda: with_segments(
            segment(0xED, PHOTOSHOP + resource(b"odd", 0x03ED)[:-1] + resource(dataset(80, b"Ann Lee")))
        ),
        {"author": "Ann Lee"},
    ),
    "a resource that is too large for its segment": Case(
        lambda: with_segments(
            segment(0xED, PHOTOSHOP + b"8BIM\x03\xed\0\0\0\0\xff\xff" + b"x" * 9),
            segment(0xED, PHOTOSHOP + resource(dataset(80, b"Ann Lee"))),
        ),
        {"author": "Ann Lee"},
        (("Photoshop", "damaged", ""),),
    ),
    "IPTC outside of Photoshop's resources": Case(
        lambda: with_segments(segment(0xED, dataset(80, b"Ann Lee"))), {"author": "Ann Lee"}
    ),
    "XMP in a resource": Case(lambda: with_segments(segment(0xED, PHOTOSHOP + resource(xmp(), 0x0424))), FULL),
    # XMP
    "XMP without wrapper": Case(in_xmp(xmp()), FULL),
    "XMP with wrapper and padding": Case(
        in_xmp(
            b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
            + xmp()
            + b"</x:xmpmeta>"
            + b" " * 2_000
            + b'<?xpacket end="w"?>\0'
        ),
        FULL,
    ),
    "XMP in UTF-16": Case(in_xmp(xmp("陈明").decode().encode("utf-16")), {**FULL, "author": "陈明"}),
    "XMP with a byte that isn't UTF-8": Case(
        in_xmp(xmp().replace(b"Ann", b"Jos\xe9")),
        {"title": "Harbour", "credit": "Agency"},
        (XMP_DAMAGED, ("XMP", "damaged", "author")),
    ),
    "XMP with a wrong byte in a tag": Case(
        in_xmp(xmp().replace(b"<rdf:Seq>", b"<rdf:S\xffq>")), {"title": "Harbour", "credit": "Agency"}, (XMP_DAMAGED,)
    ),
    "XMP with a control character": Case(
        in_xmp(xmp().replace(b"Ann", b"A\x01n")),
        {"title": "Harbour", "credit": "Agency"},
        (XMP_DAMAGED, ("XMP", "damaged", "author")),
    ),
    "XMP with a bare ampersand": Case(in_xmp(xmp("Ann & Bo")), {**FULL, "author": "Ann & Bo"}, (XMP_DAMAGED,)),
    "XMP with a name of HTML": Case(in_xmp(xmp("Jos&eacute;")), {**FULL, "author": "José"}, (XMP_DAMAGED,)),
    "XMP that breaks off within the title": Case(
        in_xmp(xmp()[: xmp().index(b"bour")]), {"author": "Ann Lee", "credit": "Agency"}, (XMP_DAMAGED,)
    ),
    "XMP that breaks off within the author": Case(
        in_xmp(xmp()[: xmp().index(b" Lee")]), {"credit": "Agency"}, (XMP_DAMAGED,)
    ),
    "XMP without its namespaces": Case(in_xmp(xmp().replace(b"xmlns:", b"xmlnz")), FULL),
    "XMP under a damaged name": Case(lambda: with_segments(app1(b"http://ns.adobe.com/xap/9.0/\0" + xmp())), FULL),
    "XMP of two segments": Case(
        lambda: with_segments(app1(XMP_NAME + xmp()), app1(XMP_NAME + xmp("Bo").replace(b"Agency", b"Other"))),
        FULL,
        (("XMP", "conflict", "author"), ("XMP", "conflict", "credit")),
    ),
    "extended XMP": Case(lambda: extended("Ann Lee"), FULL),
    "extended XMP with a part missing": Case(lambda: extended("Ann Lee", omitted=1), {}, (XMP_DAMAGED,)),
    "extended XMP that no packet names": Case(lambda: extended("Ann Lee", digest=b"0" * 32), {}, (XMP_DAMAGED,)),
    "XMP that is too large": Case(
        lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp() + b" " * (1 << 20))),
        {},
        (("XMP", "long", ""),),
    ),
    # EXIF
    "EXIF 3.0 in UTF-8": Case(in_exif(tiff([(ARTIST, 129, "陈明\0".encode())])), {"author": "陈明"}),
    "EXIF 3.0 that isn't UTF-8": Case(
        in_exif(tiff([(ARTIST, 129, b"Jos\xe9 Lee\0")])), {}, (("EXIF", "encoding", "author"),)
    ),
    "EXIF in Latin-1": Case(
        in_exif(tiff([(ARTIST, 2, b"Jos\xe9 Lee\0"), (COPYRIGHT, 2, b"\xa9 2024\0")])),
        {"rights": "© 2024"},
        (("EXIF", "encoding", "author"),),
    ),
    "EXIF in Latin-1, the name in XMP": Case(
        lambda: with_segments(
            app1(XMP_NAME + xmp("José Lee")), app1(b"Exif\0\0" + tiff([(ARTIST, 2, b"Jos\xe9 Lee\0")]))
        ),
        {**FULL, "author": "José Lee"},
    ),
    "EXIF of Windows": Case(in_exif(tiff([(0x9C9D, 1, "José;陈明\0".encode("utf-16-le"))])), {"author": "José;陈明"}),
    "EXIF with one offset outside": Case(
        lambda: with_exif(tiff([(0x010E, 2, b"Harbour\0"), *ANN]).replace(struct.pack("<I", 50), b"\xff\xff\xff\0", 1)),
        {"author": "Ann Lee", "rights": "(c) Ann Lee"},
        (EXIF_DAMAGED,),
    ),
    "EXIF whose offsets are moved": Case(in_exif(tiff(ANN, shift=6)), {}, (EXIF_DAMAGED,)),
    "EXIF whose offsets are moved back": Case(in_exif(tiff(ANN, shift=-6)), {}, (EXIF_DAMAGED,)),
    "EXIF that breaks off": Case(lambda: with_exif(tiff(ANN)[:-8]), {"author": "Ann Lee"}, (EXIF_DAMAGED,)),
    "EXIF with the other byte order behind its head": Case(
        lambda: with_exif(tiff(ANN, ">", head="<")), {"author": "Ann Lee", "rights": "(c) Ann Lee"}, (EXIF_DAMAGED,)
    ),
    "EXIF with another byte order in its directory": Case(
        in_exif(sub_directory("<", ">")), {"author": "Ann Lee", "comment": "Seen at dawn"}, (EXIF_DAMAGED,)
    ),
    "EXIF in one byte order": Case(in_exif(sub_directory(">", ">")), {"author": "Ann Lee", "comment": "Seen at dawn"}),
    "EXIF without zero bytes": Case(
        in_exif(tiff([(ARTIST, 2, b"Ann Lee!"), (COPYRIGHT, 2, b"(c) Ann Lee!")])),
        {"author": "Ann Lee!", "rights": "(c) Ann Lee!"},
    ),
    "EXIF with an unknown type": Case(
        in_exif(tiff([(0x010E, 77, b"Har\0"), *ANN])), {"author": "Ann Lee", "rights": "(c) Ann Lee"}, (EXIF_DAMAGED,)
    ),
    "EXIF of photographer and editor": Case(
        in_exif(tiff([(COPYRIGHT, 2, b"Ann Lee\0Bo Chan\0")])), {"rights": "Ann Lee Bo Chan"}
    ),
    "EXIF that is none": Case(in_exif(b"none at all"), {}, (EXIF_DAMAGED,)),
    "EXIF in two segments": Case(
        lambda: with_segments(app1(b"Exif\0\0" + tiff(ANN)[:60]), app1(b"Exif\0\0" + tiff(ANN)[60:])),
        {"author": "Ann Lee", "rights": "(c) Ann Lee"},
    ),
    # comments
    "a JPEG comment": Case(lambda: with_segments(segment(0xFE, b"Seen at dawn\0")), {"comment": "Seen at dawn"}),
    "a JPEG comment in UTF-8": Case(lambda: with_segments(segment(0xFE, "拍摄".encode())), {"comment": "拍摄"}),
    "a JPEG comment in GBK": Case(
        lambda: with_segments(segment(0xFE, "拍摄".encode("gbk"))), {}, (("comment", "encoding", "comment"),)
    ),
    "a GIF comment": Case(lambda: save_with_pillow("GIF", comment=b"Seen at dawn"), {"comment": "Seen at dawn"}),
    # PNG
    "PNG texts": Case(
        lambda: png(chunk(b"tEXt", b"Author\0Jos\xe9"), chunk(b"zTXt", b"Copyright\0\0" + zlib.compress(b"Ours"))),
        {"author": "José", "rights": "Ours"},
    ),
    "PNG texts behind the pixels": Case(
        lambda: png(
            chunk(b"iTXt", "Author\0\0\0\0\0陈明".encode()),
            chunk(b"tEXt", b"Creation Time\0Fri, 31 May 2024 10:00:00 GMT"),
            late=True,
        ),
        {"author": "陈明", "created": "2024-05-31"},
    ),
    "a PNG text in GBK": Case(
        lambda: png(chunk(b"tEXt", b"Author\0" + "陈明".encode("gbk"))), {}, (("PNG text", "encoding", "author"),)
    ),
    "a PNG text in Latin-2": Case(
        lambda: png(chunk(b"tEXt", b"Author\0Ko\xb3odziej")), {}, (("PNG text", "encoding", "author"),)
    ),
    "a PNG text in UTF-8": Case(lambda: png(chunk(b"tEXt", "Author\0陈明".encode())), {"author": "陈明"}),
    "an iTXt that isn't UTF-8": Case(
        lambda: png(chunk(b"iTXt", b"Author\0\0\0\0\0Jos\xe9")), {}, (("PNG text", "encoding", "author"),)
    ),
    "a PNG text whose checksum fails": Case(
        lambda: png(chunk(b"tEXt", b"Author\0Ann Lee", is_sound=False), late=True), {}, (("PNG text", "damaged", ""),)
    ),
    "a zTXt that does not unpack": Case(
        lambda: png(chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"Ann Lee" * 9)[:-6])),
        {},
        (("PNG text", "damaged", ""),),
    ),
    "EXIF in a PNG": Case(
        lambda: png(chunk(b"eXIf", tiff(ANN)), late=True), {"author": "Ann Lee", "rights": "(c) Ann Lee"}
    ),
    "XMP in a PNG behind its pixels": Case(
        lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp())), late=True), FULL
    ),
    "IPTC in a PNG": Case(lambda: png(raw_profile("iptc", resource(dataset(80, b"Ann Lee")))), {"author": "Ann Lee"}),
    "IPTC in a PNG under a name of two words": Case(
        lambda: png(raw_profile("iptc", resource(dataset(80, b"Ann Lee")), "IPTC profile")), {"author": "Ann Lee"}
    ),
    "EXIF in a PNG's text": Case(
        lambda: png(raw_profile("exif", b"Exif\0\0" + tiff(ANN))), {"author": "Ann Lee", "rights": "(c) Ann Lee"}
    ),
    "XMP in a PNG's text": Case(lambda: png(raw_profile("xmp", xmp())), FULL),
    # other formats
    "a WebP whose header announces nothing": Case(
        lambda: webp((b"EXIF", tiff([(0x9286, 7, b""), *ANN])), (b"XMP ", xmp("Bo"))),
        {**FULL, "author": "Bo", "rights": "(c) Ann Lee"},
        (("EXIF", "conflict", "author"),),
    ),
    "XMP in a GIF": Case(lambda: gif(xmp()), FULL),
    "XMP in a GIF that breaks off": Case(lambda: gif(xmp())[:-270] + b"\0;", FULL, (XMP_DAMAGED,)),
    "EXIF in an AVIF": Case(lambda: save_with_pillow("AVIF", exif=build_exif(Artist="Ann Lee"), xmp=xmp()), FULL),
    "a BigTIFF": Case(
        lambda: save_with_pillow("TIFF", big_tiff=True, tiffinfo={ARTIST: "Ann Lee"}), {"author": "Ann Lee"}
    ),
    "a TIFF with all of it": Case(
        lambda: save_with_pillow(
            "TIFF",
            tiffinfo={
                ARTIST: "Ann Lee",
                33723: dataset(116, b"Ours"),
                700: xmp("Bo"),
                34377: resource(dataset(110, b"Other")),
            },
        ),
        {"author": "Bo", "rights": "Ours", "title": "Harbour", "credit": "Agency"},
        (("EXIF", "conflict", "author"), ("IPTC", "conflict", "credit")),
    ),
}
