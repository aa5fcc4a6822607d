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
from registry.works.opened import open_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.programs import PROBLEM, Program, decider, program, scene_of_programs
from tests.assets.rows import jpeg, photograph
from workers import wiring

__all__ = ["decider", "scene", "scene_of_programs"]
ASK = "/api/v1/id"
CROPPED = jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))


@pytest.fixture
def work(scene_of_programs: Scene) -> Work:
    cache.clear()
    return open_work(wiring.services(), scene_of_programs.work, contact="", by="Ann")


def asked(data: bytes) -> Any:  # noqa: ANN401 - a response of Django's client
    return Client().post(ASK, {"file": SimpleUploadedFile("seen.jpg", data)})


def test_a_program_opens_a_work_and_closes_it_again(scene_of_programs: Scene, decider: Program) -> None:
    status, told = decider.send("PUT", "/works/1/public", {"contact": "https://studio.example/licences"})
    assert (status, told["contact"]) == (200, "https://studio.example/licences")
    assert told["address"].endswith(f"/id/{Work.objects.get(pk=scene_of_programs.work.pk).public_name}/")
    assert decider.send("PUT", "/works/1/public", {"contact": "ask me"})[0] == 422
    assert decider.send("DELETE", "/works/1/public") == (204, None)
    assert Work.objects.get(pk=scene_of_programs.work.pk).opened_at is None


def test_a_token_that_only_reads_opens_nothing(scene_of_programs: Scene) -> None:
    reads = program(scene_of_programs.studio, "alice", Scope.READ)
    assert reads.send("PUT", "/works/1/public", {})[0] == 403
    assert reads.send("DELETE", "/works/1/public")[0] == 403


@pytest.mark.long
def test_anybody_is_told_what_a_picture_is_to_an_opened_work(work: Work) -> None:
    told = asked(CROPPED).json()
    (claim,) = told["claims"]
    assert (told["verdict"], told["owners"], told["more"], told["complete"]) == ("part", 1, 0, True)
    assert (claim["verdict"], claim["title"]) == ("part", work.title)
    assert claim["address"].endswith(f"/id/{work.public_name}/")
    assert 0.2 < claim["shown"] < 0.6
    assert base64.b64decode(claim["map"]).startswith(b"\xff\xd8")
    edges = [edge(side) for edge in (min, max) for side in zip(*claim["place"], strict=True)]
    assert edges == pytest.approx([20, 20, 240, 190], abs=4)
    assert (claim["width"], claim["height"]) == (320, 240)
    same = asked(photograph(1)).json()["claims"][0]
    assert (same["verdict"], same["map"], same["shown"]) == ("same-file", "", None)
    unknown = asked(photograph(77)).json()
    assert (unknown["verdict"], unknown["claims"], unknown["too_plain"]) == ("unknown", [], [])


def test_no_picture_is_a_problem_and_too_many_are(work: Work) -> None:
    refused = asked(b"no picture")
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, PROBLEM)
    cache.clear()
    with override_settings(ACCOUNT_RATE_LIMITS={"asked": "1/m/ip"}):
        assert [asked(b"no picture").status_code for _ in range(2)] == [422, 429]
