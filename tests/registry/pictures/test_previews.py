"""Test previews: generated once, without metadata, and deleted with the image."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import NotFoundError, UnreadablePictureError
from exhibit.files.blobs import FolderBlobStore
from exhibit.pictures.decode import Limits
from registry.models import Picture
from registry.pictures.previews import (
    LARGE_SIDE,
    SMALL_SIDE,
    delete_cached_files,
    get_preview,
    get_viewable_bytes,
    make_preview,
)
from tests.assets.textured import textured


@pytest.fixture
def services(tmp_path: Path) -> Any:  # noqa: ANN401 - some of the ports
    return SimpleNamespace(
        blobs=FolderBlobStore(tmp_path / "blobs"), limits=Limits(), config=SimpleNamespace(data_dir=tmp_path)
    )


@pytest.fixture
def data() -> bytes:
    """A rotated image with an EXIF orientation."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ann"
    textured(1, (1000, 500)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_preview_is_upright_scaled_and_has_no_metadata(data: bytes) -> None:
    for side in (SMALL_SIDE, LARGE_SIDE):
        small = make_preview(data, Limits(), side)
        with Image.open(io.BytesIO(small)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (side // 2, side))
            assert not picture.getexif()
    with pytest.raises(UnreadablePictureError):
        make_preview(b"no picture", Limits())


def test_preview_is_cached_and_deleted_with_the_picture(services: Any, data: bytes) -> None:  # noqa: ANN401
    digest = services.blobs.put(data)
    first = get_preview(services, digest)
    services.blobs.remove(digest)
    assert get_preview(services, digest) == first
    delete_cached_files(services, {digest})
    with pytest.raises(NotFoundError):
        get_preview(services, digest)


def test_expired_picture_shows_its_thumbnail(services: Any) -> None:  # noqa: ANN401
    small = services.blobs.put(b"small")
    row = Picture(digest=Digest.from_bytes(b"gone"), bytes_state="expired", thumbnail=small)
    assert get_viewable_bytes(services, row) == b"small"


def test_picture_purged_on_other_machine_is_not_served_from_cache(services: Any, data: bytes) -> None:  # noqa: ANN401
    digest = services.blobs.put(data)
    get_preview(services, digest)
    with pytest.raises(NotFoundError):
        get_viewable_bytes(services, Picture(digest=digest, bytes_state="purged"))
