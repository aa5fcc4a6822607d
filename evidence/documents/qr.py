"""QR codes (ISO/IEC 18004) for papers."""

from io import BytesIO

import segno


def qr_png(text: str) -> bytes:
    """A QR code as a black and white PNG with its quiet zone; a quarter of it may be soiled (level Q)."""
    made = BytesIO()
    segno.make_qr(text, error="q").save(made, kind="png", scale=8)
    return made.getvalue()
