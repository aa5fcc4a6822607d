"""Test downloads: the list, captured files, bundles, and files derived from them."""

import io
import zipfile
from dataclasses import replace

import pytest
from django.urls import reverse

from registry.db.fields import KeptFile
from registry.models import LogSubmission
from tests.assets.desk_scene import Scene, scene
from tests.assets.sealed import sealed_bundle

__all__ = ["scene"]


def test_a_strangers_page_is_handed_out_as_bytes_and_a_screenshot_is_shown(scene: Scene) -> None:
    kept = scene.inline.services.blobs.put(b"<script>").hex

    def file(name: str, role: str, media_type: str, digest: str = kept) -> KeptFile:
        return {"name": name, "role": role, "media_type": media_type, "digest": digest, "size": 8}

    scene.capture.files = [
        file("page.html", "page", "text/html"),
        file("page.png", "screenshot", "image/png"),
        file("evil.png", "screenshot", "text/html"),
        file("lost.png", "screenshot", "image/png", "00" * 32),
    ]
    scene.capture.save()
    for name, kind, how in (
        ("page.html", "application/octet-stream", "attachment"),
        ("evil.png", "application/octet-stream", "attachment"),
        ("page.png", "image/png", "inline"),
    ):
        answer = scene.alice.get(reverse("captured", args=["studio", 1, scene.capture.pk, name]))
        assert answer.getvalue() == b"<script>"
        assert (answer.headers["Content-Type"], answer.headers["Content-Disposition"].split(";")[0]) == (kind, how)
    for name in ("lost.png", "other.html"):
        assert scene.alice.get(reverse("captured", args=["studio", 1, scene.capture.pk, name])).status_code == 404


def test_what_was_put_together_is_listed_and_nothing_is_made_of_what_is_not_sealed(scene: Scene) -> None:
    page = scene.alice.get(reverse("downloads", args=["studio"])).content.decode()
    assert "For the court" in page
    assert reverse("package", args=["studio", 1]) in page
    addresses = [reverse(name, args=["studio", 1, 1]) for name in ("bundle", "signed")]
    addresses += [reverse("paper", args=["studio", 1, paper]) for paper in ("us-902", "no-paper")]
    assert [scene.alice.get(one).status_code for one in addresses] == [404] * 4


@pytest.mark.long
def test_a_sealed_bundle_is_taken_with_its_papers_and_each_is_an_entry_of_the_log(scene: Scene) -> None:
    services = scene.inline.services
    services.config = replace(services.config, anchors=(), languages=("en",))
    case = sealed_bundle(scene.inline, scene.studio, 5).case
    taken = LogSubmission.objects.filter(type="access")
    before = taken.count()
    whole = scene.bob.get(reverse("bundle", args=["studio", case.number, 1]))
    assert zipfile.ZipFile(io.BytesIO(whole.getvalue())).testzip() is None
    paper = scene.bob.get(reverse("paper", args=["studio", case.number, "us-902"]))
    assert paper.content.startswith(b"%PDF")
    assert {one.opening.content["what"] for one in taken} == {"bundle", "draft paper"}
    assert taken.count() == before + 2
