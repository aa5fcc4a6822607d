"""DER is read in its one form only."""

from datetime import UTC, datetime

import pytest
from asn1crypto import core

from evidence.anchors.rfc3161 import der
from exhibit.errors import IntegrityError


def test_what_another_library_wrote_is_read() -> None:
    inner = core.Integer(70_000).dump() + core.ObjectIdentifier("1.2.840.113549.1.9.16.1.4").dump()
    sequence = bytes([0x30, len(inner)]) + inner
    read = der.read(sequence)
    number, oid, absent = der.fields(read, "02 06 a0?")
    assert der.number(number.content, 1 << 20) == 70_000
    assert oid.content == der.oid("1.2.840.113549.1.9.16.1.4")
    assert absent is None
    assert read.encoded == sequence
    assert der.bits(der.read(core.OctetBitString(b"abc").dump())) == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "30",
        "3000ff",  # goes on behind its end
        "308000",  # a length without an end
        "30810100",  # a length in more bytes than it takes
        "02020001",  # a number with a zero in front
        "010101",  # TRUE in another form
        "30030201",  # cut off
        "1f8100",  # a tag of several bytes
        "24020400",  # a string in pieces
    ],
)
def test_what_has_two_forms_or_no_end_is_not_read(data: str) -> None:
    with pytest.raises(IntegrityError):
        der.read(bytes.fromhex(data))


def test_nesting_and_elements_have_limits() -> None:
    deep = b""
    for _ in range(der.MAX_DEPTH):
        deep = b"\x30" + bytes([len(deep)]) + deep
    assert der.read(deep)
    with pytest.raises(IntegrityError):
        der.read(b"\x30" + bytes([len(deep)]) + deep)
    many = b"\x05\x00" * der.MAX_ELEMENTS
    with pytest.raises(IntegrityError):
        der.read(b"\x30\x83" + len(many).to_bytes(3, "big") + many)


def test_fields_in_another_order_or_too_many_are_refused() -> None:
    both = der.read(bytes.fromhex("3006020101040161"))
    assert [one.tag for one in der.fields(both, "02 04")] == [2, 4]
    for pattern in ("04 02", "02", "02 04 05"):
        with pytest.raises(IntegrityError):
            der.fields(both, pattern)
    with pytest.raises(IntegrityError):
        der.number(b"\x80", 200)


def test_times_are_whole_seconds_with_nanoseconds_besides() -> None:
    def time(tag: int, text: bytes) -> tuple[datetime, int]:
        return der.time_of(der.Element(tag, b"", text, ()))

    assert time(0x18, b"20261120093000.5Z") == (datetime(2026, 11, 20, 9, 30, tzinfo=UTC), 500_000_000)
    assert time(0x17, b"500101000000Z")[0].year == 1950
    assert time(0x17, b"491231235959Z")[0].year == 2049
    for tag, text in ((0x18, b"261120093000Z"), (0x18, b"20261320093000Z"), (0x17, b"2611200930Z"), (0x18, b"x")):
        with pytest.raises(IntegrityError):
            time(tag, text)
