"""Test downloads: the list, captured files, bundles, and files derived from them."""

import io
import zipfile
from dataclasses import replace

import pytest
from django.urls import reverse

from registry.db.fields import StoredFile
from registry.models import LogSubmission
from tests.assets.desk_scene import Scene, scene
from tests.assets.sealed_bundles import create_sealed_bundle

__all__ = ["scene"]


def test_foreign_page_is_downloaded_as_bytes_and_screenshot_is_shown(scene: Scene) -> None:
    html_digest = scene.inline.services.blobs.put(b"<script>").hex

    def file(name: str, role: str, media_type: str, digest: str = html_digest) -> StoredFile:
        return {"name": name, "role": role, "media_type": media_type, "digest": digest, "size": 8}

    scene.capture.files = [
        file("page.html", "page", "text/html"),
        file("page.png", "screenshot", "image/png"),
        file("evil.png", "screenshot", "text/html"),
        file("lost.png", "screenshot", "image/png", "00" * 32),
    ]
    scene.capture.save()
    for name, kind, disposition in (
        ("page.html", "application/octet-stream", "attachment"),
        ("evil.png", "application/octet-stream", "attachment"),
        ("page.png", "image/png", "inline"),
    ):
        response = scene.alice.get(reverse("captured", args=["studio", 1, scene.capture.pk, name]))
        assert response.getvalue() == b"<script>"
        assert (response.headers["Content-Type"], response.headers["Content-Disposition"].split(";")[0]) == (
            kind,
            disposition,
        )
    for name in ("lost.png", "other.html"):
        assert scene.alice.get(reverse("captured", args=["studio", 1, scene.capture.pk, name])).status_code == 404


def test_downloads_are_listed_and_unsealed_bundles_are_not_generated(scene: Scene) -> None:
    page = scene.alice.get(reverse("downloads", args=["studio"])).content.decode()
    assert "For the court" in page
    assert reverse("package", args=["studio", 1]) in page
    addresses = [reverse(name, args=["studio", 1, 1]) for name in ("bundle", "signed")]
    addresses += [reverse("paper", args=["studio", 1, paper]) for paper in ("us-902", "no-paper")]
    assert [scene.alice.get(address).status_code for address in addresses] == [404] * 4


@pytest.mark.long
def test_bundle_is_downloaded_with_its_documents_and_logged(scene: Scene) -> None:
    services = scene.inline.services
    services.config = replace(services.config, anchors=(), languages=("en",))
    case = create_sealed_bundle(scene.inline, scene.studio, 5).case
    submissions = LogSubmission.objects.filter(type="access")
    before = submissions.count()
    response = scene.bob.get(reverse("bundle", args=["studio", case.number, 1]))
    assert zipfile.ZipFile(io.BytesIO(response.getvalue())).testzip() is None
    paper = scene.bob.get(reverse("paper", args=["studio", case.number, "us-902"]))
    assert paper.content.startswith(b"%PDF")
    assert {submission.opening.content["what"] for submission in submissions} == {"bundle", "draft paper"}
    assert submissions.count() == before + 2
