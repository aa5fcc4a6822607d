"""Search for the works in an image, and a collage of pieces of several works."""

import io
from functools import cache

from PIL import Image

from demo.pictures import generate_textured
from exhibit.types import Decision
from indexer.picture.features import extract
from indexer.search.search import find_works
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_indexes
from registry.matches.registered_works import RegisteredWorks
from registry.models import Work
from registry.services.services import Services
from tests.assets.rows import encode_jpeg, photograph

_cached_features = cache(extract)


def collage(*seeds: int) -> bytes:
    """Return a large unrelated image with mirrored pieces of photographs in it."""
    sheet = generate_textured(900, (1000, 700))
    for place, seed in enumerate(seeds):
        piece = Image.open(io.BytesIO(photograph(seed))).crop((20, 10, 300, 230))
        sheet.paste(piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (60 + 440 * place, 240))
    return encode_jpeg(sheet)


def find_titles(services: Services, data: bytes) -> set[str]:
    """Return the titles of the works that an image shows."""
    get_indexes(services).refresh(Collection.WORKS)
    comparisons = find_works(_cached_features(data), lambda: data, RegisteredWorks(services))
    matches = [picture for picture, comparison in comparisons if comparison.decision is not Decision.NONE]
    return set(Work.objects.filter(pictures__in=matches, removed_at=None).values_list("title", flat=True))
