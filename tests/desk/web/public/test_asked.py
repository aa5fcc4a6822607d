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
from registry.matches.find_owner import MAX_BROUGHT
from registry.models import Work
from registry.works.opened import close_work, open_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import numbers_at
from tests.assets.rows import copy_of, jpeg, owner, photograph, register
from workers import wiring

__all__ = ["scene"]
CROPPED = jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))


@pytest.fixture
def work(scene: Scene) -> Work:
    cache.clear()
    return open_work(wiring.services(), scene.work, contact="", by="Ann")


def brought(data: bytes, name: str = "seen.jpg") -> Any:  # noqa: ANN401 - a response of Django's client
    return Client().post(reverse("ask"), {"file": SimpleUploadedFile(name, data)})


def words(answer: Any) -> str:  # noqa: ANN401
    """Return the response without CSRF tokens."""
    return re.sub(r'value="[A-Za-z0-9]{64}"|"X-CSRFToken": "\w+"', "", answer.content.decode())


def test_whoever_asks_is_told_what_is_compared_and_what_is_kept(db: None) -> None:
    page = Client().get(reverse("ask"))
    assert page.status_code == 200
    assert "X-Robots-Tag" not in page.headers
    assert Client(enforce_csrf_checks=True).post(reverse("ask"), {}).status_code == 403


@pytest.mark.parametrize(
    ("data", "said", "shown"),
    [
        (photograph(1), "The registered file, byte for byte", (False, False)),
        (copy_of(photograph(1)), "The registered picture in a different file", (True, True)),
        (CROPPED, "Part of the registered picture", (True, True)),
    ],
)
def test_an_opened_work_is_named_with_what_the_picture_is_to_it(
    work: Work, data: bytes, said: str, shown: tuple[bool, bool]
) -> None:
    answer = brought(data)
    page = words(answer)
    assert answer.status_code == 200
    assert f"<h2>{said}</h2>" in page
    assert f'/id/{work.public_name}/"' in page
    assert ("data:image/jpeg;base64," in page, "<polygon points=" in page) == shown
    assert "/o/studio/" not in page
    assert (answer.headers["X-Robots-Tag"], answer.headers["Cache-Control"]) == ("noindex, nofollow", "no-store")


def test_closed_removed_and_unknown_works_have_the_same_answer(work: Work) -> None:
    close_work(work, by="Ann")

    def said(data: bytes) -> str:
        return re.sub(r"SHA-256 [0-9a-f]{64}", "", words(brought(data)))

    unknown = said(photograph(77))
    assert "No work found" in unknown
    for data in (photograph(1), copy_of(photograph(1)), CROPPED):
        cache.clear()
        assert said(data) == unknown


def test_several_owners_who_claim_a_picture_are_all_named(work: Work, scene: Scene) -> None:
    thief = register(scene.inline.services, owner("thief"), CROPPED, "Mine").work
    open_work(wiring.services(), thief, contact="", by="thief")
    page = words(brought(CROPPED))
    assert numbers_at(page, "several-owners") == ["2"]
    assert page.index(str(work.public_name)) < page.index(str(Work.objects.get(pk=thief.pk).public_name))


@pytest.mark.parametrize(("data", "said"), [(b"no picture", "picture"), (b"", "Choose a file")])
def test_what_is_no_picture_is_explained(work: Work, data: bytes, said: str) -> None:
    answer = brought(data) if data else Client().post(reverse("ask"), {})
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'role="alert"' in words(answer)


@pytest.mark.long
def test_a_file_may_be_larger_than_other_requests_of_strangers_and_no_larger_than_is_said(work: Work) -> None:
    padded = photograph(1) + b"\x00" * (3 * 1024 * 1024)
    assert brought(padded).status_code == 200
    assert Client().post(reverse("language"), {"file": SimpleUploadedFile("a.jpg", padded)}).status_code == 413
    large = SimpleUploadedFile("a.jpg", photograph(1) + b"\x00" * MAX_BROUGHT)
    assert Client().post(reverse("ask"), {"file": large}).status_code == 422
    larger = SimpleUploadedFile("a.jpg", b"\x00" * (MAX_BROUGHT + 2 * 1024 * 1024))
    assert Client().post(reverse("ask"), {"file": larger}).status_code == 413


def test_whoever_asks_too_often_is_told_so_and_others_are_not_held_up(work: Work) -> None:
    with override_settings(ACCOUNT_RATE_LIMITS={"asked": "2/m/ip"}, ALLAUTH_TRUSTED_PROXY_COUNT=1):
        statuses = [brought(b"no picture").status_code for _ in range(3)]
        assert statuses == [422, 422, 429]
        last = brought(photograph(1))
        assert last.status_code == 429
        assert last.headers["Retry-After"]
        assert Client().get(reverse("ask")).status_code == 200
        elsewhere = Client(headers={"X-Forwarded-For": "192.0.2.7"})
        assert elsewhere.post(reverse("ask"), {"file": SimpleUploadedFile("a", b"no picture")}).status_code == 422


@pytest.mark.parametrize("address", ["/id/", "/api/v1/id"])
def test_nothing_is_read_of_what_is_asked_too_often(work: Work, address: str) -> None:
    body = io.BytesIO(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n')
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    sent: dict[str, Any] = {"CONTENT_TYPE": "multipart/form-data; boundary=b", "wsgi.input": body}
    sent["CONTENT_LENGTH"] = str(len(body.getvalue()))
    with override_settings(ACCOUNT_RATE_LIMITS={"asked": "1/h/ip"}):
        for status in (403 if address == "/id/" else 422, 429):
            body.seek(0)
            answer = client.post(address, **sent)
            assert (answer.status_code, body.tell() > 0) == (status, status != 429)
    assert answer.headers["Retry-After"]


def test_strangers_wait_for_each_other_and_not_for_members(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    with limits.ASKED:
        assert brought(photograph(1)).status_code == 429
        with limits.one_search(1):
            pass
    with limits.SEARCHING:
        assert brought(photograph(1)).status_code == 200


def test_search_engines_may_visit_this_page_and_public_works_alone() -> None:
    answer = Client().get("/robots.txt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content.decode().splitlines() == ["User-agent: *", "Allow: /id/", "Allow: /static/", "Disallow: /"]
