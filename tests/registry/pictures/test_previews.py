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
from registry.pictures.previews import LARGE, SMALL, delete_cached, get_preview, get_viewable_bytes, make_preview
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


def test_a_preview_is_upright_small_and_says_nothing_of_its_maker(data: bytes) -> None:
    for side in (SMALL, LARGE):
        small = make_preview(data, Limits(), side)
        with Image.open(io.BytesIO(small)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (side // 2, side))
            assert not picture.getexif()
    with pytest.raises(UnreadablePictureError):
        make_preview(b"no picture", Limits())


def test_it_is_made_once_and_goes_with_the_picture(services: Any, data: bytes) -> None:  # noqa: ANN401
    digest = services.blobs.put(data)
    first = get_preview(services, digest)
    services.blobs.remove(digest)
    assert get_preview(services, digest) == first
    delete_cached(services, {digest})
    with pytest.raises(NotFoundError):
        get_preview(services, digest)


def test_of_an_expired_picture_the_small_one_is_shown(services: Any) -> None:  # noqa: ANN401
    small = services.blobs.put(b"small")
    row = Picture(digest=Digest.of(b"gone"), bytes_state="expired", thumbnail=small)
    assert get_viewable_bytes(services, row) == b"small"


def test_what_another_machine_purged_is_shown_by_no_cache_of_this_one(services: Any, data: bytes) -> None:  # noqa: ANN401
    digest = services.blobs.put(data)
    get_preview(services, digest)
    with pytest.raises(NotFoundError):
        get_viewable_bytes(services, Picture(digest=digest, bytes_state="purged"))
