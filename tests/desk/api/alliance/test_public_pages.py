"""Test that programs open and close works, and that anyone can query the owner of an image without a token."""

import base64
import io
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from PIL import Image

from registry.models import Scope, Work
from registry.works.public_works import publish_work
from tests.assets.api_programs import PROBLEM, Program, create_program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import encode_jpeg, photograph
from workers import wiring

__all__ = ["decider", "scene", "scene_of_programs"]
LOOKUP_URL = "/api/v1/id"
CROPPED = encode_jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))


@pytest.fixture
def work(scene_of_programs: Scene) -> Work:
    cache.clear()
    return publish_work(wiring.services(), scene_of_programs.work, contact="", by="Ann")


def post_picture(data: bytes) -> Any:  # noqa: ANN401 - a response of Django's client
    return Client().post(LOOKUP_URL, {"file": SimpleUploadedFile("seen.jpg", data)})


def test_api_client_makes_a_work_public_and_private_again(scene_of_programs: Scene, decider: Program) -> None:
    status, body = decider.send("PUT", "/works/1/public", {"contact": "https://studio.example/licences"})
    assert (status, body["contact"]) == (200, "https://studio.example/licences")
    assert body["address"].endswith(f"/id/{Work.objects.get(pk=scene_of_programs.work.pk).public_name}/")
    assert decider.send("PUT", "/works/1/public", {"contact": "ask me"})[0] == 422
    assert decider.send("DELETE", "/works/1/public") == (204, None)
    assert Work.objects.get(pk=scene_of_programs.work.pk).opened_at is None


def test_read_only_token_cannot_make_a_work_public(scene_of_programs: Scene) -> None:
    reader = create_program(scene_of_programs.studio, "alice", Scope.READ)
    assert reader.send("PUT", "/works/1/public", {})[0] == 403
    assert reader.send("DELETE", "/works/1/public")[0] == 403


@pytest.mark.long
def test_public_lookup_reports_how_a_picture_relates_to_a_public_work(work: Work) -> None:
    data = post_picture(CROPPED).json()
    (claim,) = data["claims"]
    assert (data["verdict"], data["owners"], data["more"], data["complete"]) == ("part", 1, 0, True)
    assert (claim["verdict"], claim["title"]) == ("part", work.title)
    assert claim["address"].endswith(f"/id/{work.public_name}/")
    assert 0.2 < claim["shown"] < 0.6
    assert base64.b64decode(claim["map"]).startswith(b"\xff\xd8")
    edges = [edge(side) for edge in (min, max) for side in zip(*claim["place"], strict=True)]
    assert edges == pytest.approx([20, 20, 240, 190], abs=4)
    assert (claim["width"], claim["height"]) == (320, 240)
    same = post_picture(photograph(1)).json()["claims"][0]
    assert (same["verdict"], same["map"], same["shown"]) == ("same-file", "", None)
    unknown = post_picture(photograph(77)).json()
    assert (unknown["verdict"], unknown["claims"], unknown["too_plain"]) == ("unknown", [], [])


def test_invalid_picture_and_too_many_requests_return_problems(work: Work) -> None:
    refused = post_picture(b"no picture")
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, PROBLEM)
    cache.clear()
    with override_settings(ACCOUNT_RATE_LIMITS={"lookup": "1/m/ip"}):
        assert [post_picture(b"no picture").status_code for _ in range(2)] == [422, 429]
