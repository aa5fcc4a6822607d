"""Functions that a bundle verifier uses to regenerate the drawings and sentences of matches for comparison."""

from collections.abc import Callable

from evidence.verify.checks.regeneration import ContentGenerators
from exhibit.types import Verification
from indexer.draw.draw import DRAW_BY_SUFFIX, View
from indexer.draw.pair import Pair
from registry.bundles.sentences import format_measurements


def _make_renderer(found: bytes, registered: bytes, verification: Verification) -> Callable[[str, str], bytes]:
    pair = Pair.from_verification(found, registered, verification)
    return lambda role, suffix: DRAW_BY_SUFFIX.get(suffix, DRAW_BY_SUFFIX[".jpg"])(View(role), pair)


CONTENT_GENERATORS = ContentGenerators(_make_renderer, format_measurements)
