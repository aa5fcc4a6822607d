"""Small pictures for looking at: what is shown in a browser, and what stays when exact bytes expire."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from exhibit.digests import Digest
from exhibit.machine import keep_in_cache
from exhibit.pictures.decode import Limits, decode

if TYPE_CHECKING:
    from registry.models import Picture
    from workers.services.wiring import House

SMALL, LARGE = 256, 800
QUALITY = 84


def preview(data: bytes, limits: Limits, side: int = SMALL) -> bytes:
    """A JPEG of at most ``side`` pixels on its longer side, without metadata.

    Raises:
        UnreadablePictureError: the bytes can't be decoded within the limits.
    """
    shown = Image.fromarray(decode(data, limits, at_least=side).pixels)
    shown.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    shown.save(out, format="JPEG", quality=QUALITY)
    return out.getvalue()


def kept_preview(house: "House", digest: Digest, side: int = SMALL) -> bytes:
    """A preview that is made once and kept beside the other caches; the folder may be removed at any time.

    Raises:
        NotFoundError: the bytes aren't stored.
        UnreadablePictureError: they can't be decoded within the limits.
    """
    path = _path(house, digest, side)
    try:
        return path.read_bytes()
    except OSError:
        data = preview(house.blobs.get(digest), house.limits, side)
    if keep_in_cache(path, data) and digest not in house.blobs:  # purged meanwhile
        path.unlink(missing_ok=True)
    return data


def shown(house: "House", picture: "Picture", side: int = SMALL) -> bytes:
    """What may be looked at of a picture: a preview, or the small picture that stays when its bytes have expired.

    Raises:
        NotFoundError: neither is here.
        UnreadablePictureError: it can't be decoded within the limits.
    """
    if picture.bytes_state != "stored" and picture.thumbnail is not None:
        return house.blobs.get(picture.thumbnail)
    return kept_preview(house, picture.digest, side)


def drop_previews(house: "House", digest: Digest) -> None:
    """Remove what is kept of a picture."""
    for side in (SMALL, LARGE):
        _path(house, digest, side).unlink(missing_ok=True)


def _path(house: "House", digest: Digest, side: int) -> Path:
    return house.config.data_dir / "previews" / digest.hex[:2] / f"{digest.hex}-{side}.jpg"
