"""Test the bands of a perceptual hash."""

import io

from PIL import Image

from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash
from indexer.vectors.bands import BITS_PER_BAND, SAMPLED_BITS, list_elements
from tests.assets.rows import encode_jpeg, photograph


def test_hash_bands_survive_compression_and_differ_between_pictures() -> None:
    def parts(data: bytes) -> set[bytes]:
        grey = Image.open(io.BytesIO(data)).convert("L")
        return set(list_elements(b"", compute_orientation_hashes(shrink_for_hash(grey))[0].tobytes())[1:])

    photo = Image.open(io.BytesIO(photograph(1)))
    assert parts(photograph(1)) & parts(encode_jpeg(photo.resize((200, 150)), 70))
    assert not parts(photograph(1)) & parts(photograph(2))
    assert all(len(set(bits)) == BITS_PER_BAND for bits in SAMPLED_BITS)
