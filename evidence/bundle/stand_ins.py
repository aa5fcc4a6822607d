"""Reduced pictures that are sealed beside registered ones, to be shown where a copy of the bundle withholds those."""

from io import BytesIO

from PIL import Image

from evidence.bundle.manifest import STAND_IN
from evidence.bundle.sealing import ContentFile, reduced_path
from exhibit.pictures.decode import decode
from exhibit.ports import BlobStore

LONG_SIDE = 640  # pixels; three times what the comparison is computed on, so that it comes out the same


def stand_in(path: str, data: bytes, blobs: BlobStore) -> ContentFile:
    """The reduced picture of a sealed one, put into the store; raises ``UnreadablePictureError``."""
    picture = Image.fromarray(decode(data, at_least=2 * LONG_SIDE).pixels)
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    out = BytesIO()
    picture.save(out, "JPEG", quality=85)
    return ContentFile(reduced_path(path), STAND_IN, "image/jpeg", blobs.put(out.getvalue()))
