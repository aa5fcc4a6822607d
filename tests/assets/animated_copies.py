"""Copies that viewers could show in two ways: an animation, and an image with an EXIF orientation."""

from io import BytesIO

from PIL import Image, ImageOps

from tests.assets.badfiles import encode
from tests.assets.bundles import found_bytes, registered_bytes


def animated_copy(seed: int) -> bytes:
    """Return a copy like that of ``bundles.found_bytes`` as the first frame of a GIF, before a title card."""
    first_frame = Image.open(BytesIO(registered_bytes(seed))).convert("RGB")
    half = ImageOps.mirror(
        first_frame.resize((first_frame.width // 2, first_frame.height // 2), Image.Resampling.BILINEAR)
    )
    card = Image.linear_gradient("L").resize(half.size).convert("RGB")
    out = BytesIO()
    half.save(out, "GIF", save_all=True, append_images=[card], duration=500, loop=0)
    return out.getvalue()


def exif_rotated_copy(seed: int) -> bytes:
    """Return a copy like that of ``bundles.found_bytes`` as a WebP with an EXIF orientation, which browsers ignore."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(Image.open(BytesIO(found_bytes(seed))), "WEBP", lossless=True, exif=exif)
