"""Previews: small JPEGs for browsers, which are retained when the exact bytes expire."""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.machine import write_cache_file
from exhibit.pictures.decode import Limits, decode
from exhibit.pictures.thumbnails import create_small_jpeg
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from registry.pictures.models import Picture
    from registry.services.services import Services

SMALL_SIDE, LARGE_SIDE = 256, 800
CACHE_FOLDERS = ("drawings", "previews", "features")
"""Cache folders in the data folder. The contents of the last one take the longest to generate again."""


def make_preview(data: bytes, limits: Limits, side: int = SMALL_SIDE) -> bytes:
    """Return a JPEG of at most ``side`` pixels on its longer side, without metadata.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
    """
    return create_small_jpeg(Image.fromarray(decode(data, limits, at_least=side).pixels), side)


def get_preview(services: "Services", digest: Digest, side: int = SMALL_SIDE) -> bytes:
    """Return a cached preview, or generate it on first use. The cache folder may be deleted at any time.

    Raises:
        NotFoundError: The bytes are not stored.
        UnreadablePictureError: The picture cannot be decoded.
    """
    path = services.config.data_dir / "previews" / digest.hex[:2] / f"{digest.hex}-{side}.jpg"
    try:
        return path.read_bytes()
    except OSError:
        data = make_preview(services.blobs.get(digest), services.limits, side)
    if (
        write_cache_file(path, data, base_folder=services.config.data_dir) and digest not in services.blobs
    ):  # purged meanwhile
        path.unlink(missing_ok=True)
    return data


def get_viewable_bytes(services: "Services", picture: "Picture", side: int = SMALL_SIDE) -> bytes:
    """Return the viewable version of a picture: a preview, or the stored thumbnail if its bytes have expired.

    Raises:
        NotFoundError: The picture was purged or its bytes are not stored.
        UnreadablePictureError: The picture cannot be decoded.
    """
    check_not_purged(picture)
    if picture.bytes_state != "stored" and picture.thumbnail is not None:
        return services.blobs.get(picture.thumbnail)
    return get_preview(services, picture.digest, side)


def get_drawing_path(services: "Services", digests: tuple[Digest, Digest], name: str) -> Path:
    """Return the path in the cache of a drawing of two pictures."""
    found_hex, registered_hex = (digest.hex for digest in digests)
    return services.config.data_dir / "drawings" / found_hex[:2] / f"{found_hex}-{registered_hex}-{name}.jpg"


def check_not_purged(*pictures: "Picture") -> None:
    """Raise ``NotFoundError`` for a purged picture, because caches on this machine may still contain it."""
    for picture in pictures:
        if picture.bytes_state == "purged":
            raise NotFoundError(Sentence("The bytes of %(digest)s are not stored here.", digest=picture.digest))


def delete_cached_files(services: "Services", digests: AbstractSet[Digest]) -> None:
    """Delete the pictures' previews, drawings (also with other pictures) and features from this machine's caches."""
    hex_digests = {digest.hex for digest in digests}
    for path in (services.config.data_dir / "drawings").glob("*/*.jpg"):
        if hex_digests.intersection(path.name.split("-", 2)[:2]):
            path.unlink(missing_ok=True)
    for name in hex_digests:
        for cache, pattern in (("previews", f"{name[:2]}/{name}-*.jpg"), ("features", f"*/{name[:2]}/{name}.npz")):
            for path in (services.config.data_dir / cache).glob(pattern):
                path.unlink(missing_ok=True)
