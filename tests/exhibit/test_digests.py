import io
from pathlib import Path

import pytest

from exhibit.digests import CHUNK_BYTES, Digest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of ``abc`` (FIPS 180-4, examples)."""


def test_digests_of_bytes_files_and_streams_match_the_standard(tmp_path: Path) -> None:
    assert Digest.from_bytes(b"abc").hex == str(Digest.from_bytes(b"abc")) == ABC
    assert Digest.from_hex(ABC) == Digest.from_hex(ABC.upper()) == Digest.from_bytes(b"abc")
    long = bytes(range(256)) * (CHUNK_BYTES // 200)  # of more than one chunk
    (tmp_path / "file").write_bytes(long)
    assert Digest.from_file(tmp_path / "file") == Digest.from_bytes(long)
    stream = io.BytesIO(b"left out" + long)
    stream.seek(8)
    assert Digest.from_stream(stream) == Digest.from_bytes(long)


@pytest.mark.parametrize("text", ["", ABC[:-2], ABC + "00", "x" * 64])
def test_non_64_digit_text_is_not_a_digest(text: str) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|hexadecimal"):
        Digest.from_hex(text)
