"""Test that a verifier generates the same drawings and sentences as the bundle contains."""

import io

from PIL import Image

from exhibit.types import Decision, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair
from registry.bundles.remaking import MAKERS
from registry.bundles.sentences import words_of
from tests.assets.rows import copy_of, photograph

SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_drawings_are_made_once_more_by_role_and_by_the_ending_of_their_name() -> None:
    found, registered = copy_of(photograph(1)), photograph(1)
    same = Verification(Decision.CERTAIN, 0, 90, 1.0, SAME, False, 0, 1.0, 1.0, None, "")  # noqa: FBT003 - a field
    drawn = MAKERS.draw(found, registered, same)
    assert drawn("overlay", ".jpg") == draw(View.OVERLAY, Pair.of(found, registered, same))
    with Image.open(io.BytesIO(drawn("side-by-side", ".png"))) as picture:
        assert picture.format == "PNG"
    none = Verification(Decision.NONE, 256, 0, 0.0, None, False, 0, 0.0, 0.0, None, "")  # noqa: FBT003 - a field
    assert MAKERS.words(none, None) == words_of(none)
