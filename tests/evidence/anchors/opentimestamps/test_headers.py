from datetime import UTC, datetime

import pytest

from evidence.anchors.opentimestamps.headers import check_work, parse_header
from evidence.formats.errors import UnknownWitnessError
from exhibit.errors import IntegrityError

# Block 0 of the Bitcoin main chain.
GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f61"
    "7fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)


def test_the_first_block_reads_as_everybody_knows_it() -> None:
    header = parse_header(GENESIS)
    assert header.text == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert header.merkle_root[::-1].hex() == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert header.time == datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC)
    assert header.target == 0xFFFF << 208
    check_work(header, "main", minimum_difficulty=1)


def test_a_block_as_easy_as_the_first_does_not_count_today() -> None:
    with pytest.raises(UnknownWitnessError, match="too easy"):
        check_work(parse_header(GENESIS), "main")
    check_work(parse_header(GENESIS), "regtest")


@pytest.mark.parametrize("bits", [0x1D00FFFE, 0x1DFFFFFF, 0xFF00FFFF, 0x00000000, 0x017FFFFF, 0x01800000])
def test_no_target_lets_an_unworked_header_through(bits: int) -> None:
    changed = GENESIS[:72] + bits.to_bytes(4, "little") + GENESIS[76:]
    with pytest.raises(IntegrityError, match="no proof of work"):
        check_work(parse_header(changed), "regtest")


@pytest.mark.parametrize("size", [0, 79, 81])
def test_a_header_has_eighty_bytes(size: int) -> None:
    with pytest.raises(IntegrityError, match="80 bytes"):
        parse_header(bytes(size))
