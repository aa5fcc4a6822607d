"""Images that all match one work: unrelated images that contain it like a logo, and copies, as of a viral image."""

import io
from dataclasses import replace

from PIL import Image

from demo.pictures import generate_textured
from registry.matches.match import match_pictures
from registry.models import Owner
from registry.services.services import Services
from tests.assets.rows import claim_new_slice, encode_jpeg, record_sightings


def picture_with_mark(seed: int, mark: bytes) -> bytes:
    """Return an unrelated image with the mark in a corner."""
    picture = generate_textured(500 + seed, (480, 360))
    picture.paste(Image.open(io.BytesIO(mark)).resize((220, 165), Image.Resampling.LANCZOS), (12, 12))
    return encode_jpeg(picture)


def recompressed_copy(number: int, data: bytes) -> bytes:
    """Return a recompressed copy with bytes of its own."""
    return encode_jpeg(Image.open(io.BytesIO(data)), quality=40 + number)


def set_flood_floor(services: Services, floor: int) -> Services:
    """Set another floor for the flood limit of an installation."""
    services.config = replace(services.config, flood_floor=floor)
    return services


def find_on_sites(services: Services, studio: Owner, pictures: list[bytes], name: str = "site") -> None:
    """Let a crawl find each image on another site, and match the images one after the other."""
    for number, data in enumerate(pictures):
        planned, epoch = claim_new_slice(studio, f"{name}-{studio.watches.count()}")
        match_pictures(services, record_sightings(services, planned, epoch, [data], host=f"{name}-{number}.example"))
