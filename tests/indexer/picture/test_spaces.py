import numpy as np
from PIL import Image

from exhibit.pictures.decode import decode
from indexer.layout.single_thread import cv2
from indexer.picture.features import extract
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash
from indexer.picture.spaces import (
    PHASH,
)
from tests.assets.textured import encoded, textured


def test_perceptual_hash_follows_the_definition_of_its_space() -> None:
    large = encoded(textured(4, (900, 600)), "JPEG")
    grey = np.asarray(Image.fromarray(decode(large, at_least=512).pixels).convert("L"))
    reduced = cv2.resize(grey, (512, 341), interpolation=cv2.INTER_AREA)
    assert dict(PHASH.parameters)["reduced"] == "grey to a long side of at most 512, means of areas"
    assert (
        extract(large).hashes["whole"]
        == compute_orientation_hashes(shrink_for_hash(Image.fromarray(reduced)))[0].tobytes()
    )
