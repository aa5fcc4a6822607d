"""Test that a verifier generates the drawings and sentences that the bundle contains."""

import io

from PIL import Image

from exhibit.types import Decision, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair
from registry.bundles.sentences import format_measurements
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from tests.assets.rows import photograph, recompress

SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_drawings_are_regenerated_by_role_and_file_extension() -> None:
    found_picture, registered = recompress(photograph(1)), photograph(1)
    same = Verification(Decision.CERTAIN, 0, 90, 1.0, SAME, False, 0, 1.0, 1.0, None, "")  # noqa: FBT003 - a field
    drawings = CONTENT_GENERATORS.build_drawer(found_picture, registered, same)
    assert drawings("overlay", ".jpg") == draw(View.OVERLAY, Pair.from_verification(found_picture, registered, same))
    with Image.open(io.BytesIO(drawings("side-by-side", ".png"))) as picture:
        assert picture.format == "PNG"
    none = Verification(Decision.NONE, 256, 0, 0.0, None, False, 0, 0.0, 0.0, None, "")  # noqa: FBT003 - a field
    assert CONTENT_GENERATORS.describe_values(none, None) == format_measurements(none)
