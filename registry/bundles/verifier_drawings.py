"""Functions with which a bundle's verifier regenerates the drawings and sentences of matches for comparison."""

from collections.abc import Callable

from evidence.verify.checks.remade import Makers
from exhibit.types import Verification
from indexer.draw.draw import SUFFIXES, View
from indexer.draw.pair import Pair
from registry.bundles.sentences import measurement_sentences


def _draw(found: bytes, registered: bytes, verification: Verification) -> Callable[[str, str], bytes]:
    pair = Pair.from_verification(found, registered, verification)
    return lambda role, suffix: SUFFIXES.get(suffix, SUFFIXES[".jpg"])(View(role), pair)


MAKERS = Makers(_draw, measurement_sentences)
