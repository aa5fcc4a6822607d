"""Test that anyone can submit an image without an account and learn its owner, if the owner opened the work."""

import io
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse
from PIL import Image

from desk.api.common import limits
from registry.matches.find_owner import MAX_UPLOAD_BYTES
from registry.models import Work
from registry.works.public_works import publish_work, unpublish_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import numbers_at
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
from workers import wiring

__all__ = ["scene"]
CROPPED = encode_jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))


@pytest.fixture
def work(scene: Scene) -> Work:
    cache.clear()
    return publish_work(wiring.services(), scene.work, contact="", by="Ann")


def post_picture(data: bytes, name: str = "seen.jpg") -> Any:  # noqa: ANN401 - a response of Django's client
    return Client().post(reverse("ask"), {"file": SimpleUploadedFile(name, data)})


def strip_csrf_tokens(response: Any) -> str:  # noqa: ANN401
    """Return the response without CSRF tokens."""
    return re.sub(r'value="[A-Za-z0-9]{64}"|"X-CSRFToken": "\w+"', "", response.content.decode())


def test_lookup_page_explains_comparison_and_storage(db: None) -> None:
    page = Client().get(reverse("ask"))
    assert page.status_code == 200
    assert "X-Robots-Tag" not in page.headers
    assert Client(enforce_csrf_checks=True).post(reverse("ask"), {}).status_code == 403


@pytest.mark.parametrize(
    ("data", "heading", "expected"),
    [
        (photograph(1), "The registered file, unchanged", (False, False)),
        (recompress(photograph(1)), "The registered picture in a different file", (True, True)),
        (CROPPED, "Part of the registered picture", (True, True)),
    ],
)
def test_public_work_is_shown_with_its_relation_to_the_picture(
    work: Work, data: bytes, heading: str, expected: tuple[bool, bool]
) -> None:
    response = post_picture(data)
    page = strip_csrf_tokens(response)
    assert response.status_code == 200
    assert f"<h2>{heading}</h2>" in page
    assert f'/id/{work.public_name}/"' in page
    assert ("data:image/jpeg;base64," in page, "<polygon points=" in page) == expected
    assert "/o/studio/" not in page
    assert (response.headers["X-Robots-Tag"], response.headers["Cache-Control"]) == ("noindex, nofollow", "no-store")


def test_private_removed_and_unknown_works_return_the_same_response(work: Work) -> None:
    unpublish_work(work, by="Ann")

    def read_answer(data: bytes) -> str:
        return re.sub(r"SHA-256 [0-9a-f]{64}", "", strip_csrf_tokens(post_picture(data)))

    unknown = read_answer(photograph(77))
    assert "No work found" in unknown
    for data in (photograph(1), recompress(photograph(1)), CROPPED):
        cache.clear()
        assert read_answer(data) == unknown


def test_all_owners_with_a_claim_to_the_picture_are_shown(work: Work, scene: Scene) -> None:
    copied_work = register(scene.inline.services, owner("thief"), CROPPED, "Mine").work
    publish_work(wiring.services(), copied_work, contact="", by="thief")
    page = strip_csrf_tokens(post_picture(CROPPED))
    assert numbers_at(page, "several-owners") == ["2"]
    assert page.index(str(work.public_name)) < page.index(str(Work.objects.get(pk=copied_work.pk).public_name))


@pytest.mark.parametrize(("data", "expected"), [(b"no picture", "picture"), (b"", "Choose a file")])
def test_invalid_picture_is_explained(work: Work, data: bytes, expected: str) -> None:
    response = post_picture(data) if data else Client().post(reverse("ask"), {})
    assert response.status_code == 422
    assert expected in strip_csrf_tokens(response)
    assert 'role="alert"' in strip_csrf_tokens(response)


@pytest.mark.long
def test_lookup_files_may_exceed_the_anonymous_limit_up_to_a_maximum(work: Work) -> None:
    padded = photograph(1) + b"\x00" * (3 * 1024 * 1024)
    assert post_picture(padded).status_code == 200
    assert Client().post(reverse("language"), {"file": SimpleUploadedFile("a.jpg", padded)}).status_code == 413
    large = SimpleUploadedFile("a.jpg", photograph(1) + b"\x00" * MAX_UPLOAD_BYTES)
    assert Client().post(reverse("ask"), {"file": large}).status_code == 422
    larger = SimpleUploadedFile("a.jpg", b"\x00" * (MAX_UPLOAD_BYTES + 2 * 1024 * 1024))
    assert Client().post(reverse("ask"), {"file": larger}).status_code == 413


def test_lookup_rate_limit_is_reported_and_does_not_affect_other_visitors(work: Work) -> None:
    with override_settings(ACCOUNT_RATE_LIMITS={"lookup": "2/m/ip"}, ALLAUTH_TRUSTED_PROXY_COUNT=1):
        statuses = [post_picture(b"no picture").status_code for _ in range(3)]
        assert statuses == [422, 422, 429]
        last = post_picture(photograph(1))
        assert last.status_code == 429
        assert last.headers["Retry-After"]
        assert Client().get(reverse("ask")).status_code == 200
        elsewhere = Client(headers={"X-Forwarded-For": "192.0.2.7"})
        assert elsewhere.post(reverse("ask"), {"file": SimpleUploadedFile("a", b"no picture")}).status_code == 422


@pytest.mark.parametrize("address", ["/id/", "/api/v1/id"])
def test_rate_limited_lookups_read_no_body(work: Work, address: str) -> None:
    body = io.BytesIO(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n')
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    environ: dict[str, Any] = {"CONTENT_TYPE": "multipart/form-data; boundary=b", "wsgi.input": body}
    environ["CONTENT_LENGTH"] = str(len(body.getvalue()))
    with override_settings(ACCOUNT_RATE_LIMITS={"lookup": "1/h/ip"}):
        for status in (403 if address == "/id/" else 422, 429):
            body.seek(0)
            response = client.post(address, **environ)
            assert (response.status_code, body.tell() > 0) == (status, status != 429)
    assert response.headers["Retry-After"]


def test_anonymous_lookups_queue_separately_from_members(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLOT_WAIT_SECONDS", 0.01)
    with limits.PUBLIC_SEARCH_SLOT:
        assert post_picture(photograph(1)).status_code == 429
        with limits.limit_member_searches(1):
            pass
    with limits.SEARCH_SLOT:
        assert post_picture(photograph(1)).status_code == 200


def test_search_engines_may_index_only_this_page_and_public_works() -> None:
    response = Client().get("/robots.txt")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.content.decode().splitlines() == ["User-agent: *", "Allow: /id/", "Allow: /static/", "Disallow: /"]
