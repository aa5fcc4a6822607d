"""The twelve ways in which the demonstration's sites have changed the pictures that they copied."""

from collections.abc import Sequence
from typing import Final

from PIL import Image

from indexer.edits import EditedPicture, apply

_MADE_BY: Final = {
    "recompressed": "jpeg30",
    "resized": "resize50",
    "webp": "webp",
    "mirrored": "mirror",
    "turned": "rot90",
    "cropped": "crop50",
    "captioned": "text",
    "bordered": "border",
    "watermarked": "watermark",
    "grey": "gray",
    "screenshot": "webpage",
    "collage": "collage4",
}
EDITS: Final = tuple(_MADE_BY)
LONG_SIDE: Final = 900


def edited(name: str, picture: Image.Image, neighbours: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Copy a picture as a web site would, changed by the edit of that name; equal arguments give equal bytes.

    Args:
        name: which edit.
        picture: what is copied; larger ones are first reduced to a long side of 900 px, as sites do.
        neighbours: at least three other pictures, for the collage.
        seed: decides where a crop lies, what a caption says, and the like.
    """
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return apply(_MADE_BY[name], reduced, neighbours, seed)
