"""Small pictures for looking at: what is shown in a browser, and what stays when exact bytes expire."""

import io

from PIL import Image

from exhibit.decode import Limits, decode

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
