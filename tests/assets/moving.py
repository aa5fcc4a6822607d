"""Copies that viewers could show in two ways: an animation, and an image with an EXIF orientation."""

from io import BytesIO

from PIL import Image, ImageOps

from tests.assets.badfiles import saved
from tests.assets.bundles import found_bytes, registered_bytes


def moving(seed: int) -> bytes:
    """Return a copy like that of ``bundles.found_bytes`` as the first frame of a GIF, before a title card."""
    shown = Image.open(BytesIO(registered_bytes(seed))).convert("RGB")
    half = ImageOps.mirror(shown.resize((shown.width // 2, shown.height // 2), Image.Resampling.BILINEAR))
    card = Image.linear_gradient("L").resize(half.size).convert("RGB")
    out = BytesIO()
    half.save(out, "GIF", save_all=True, append_images=[card], duration=500, loop=0)
    return out.getvalue()


def turned_by_exif(seed: int) -> bytes:
    """Return a copy like that of ``bundles.found_bytes`` as a WebP with an EXIF orientation, which browsers ignore."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.open(BytesIO(found_bytes(seed))), "WEBP", lossless=True, exif=exif)
