"""Test that a copy without credentials leads to them by a soft binding's value, or by the image itself."""

import io
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from PIL import Image

from desk.api.common import limits
from exhibit.pictures.iscc import iscc_of
from registry.models import BytesState, SignedCopy, Work
from registry.retention.purge import purge
from registry.works.exporting import Wanted, exported
from registry.works.opened import close_work, open_work
from registry.works.registration import remove_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import photograph
from workers import wiring

__all__ = ["scene"]
ALG = "io.iscc.v0"
pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")


@pytest.fixture
def work(scene: Scene) -> Iterator[Work]:
    cache.clear()
    yield open_work(wiring.services(), scene.work, contact="", by="Ann")
    cache.clear()


def signed(work: Work) -> tuple[bytes, SignedCopy]:
    ((_, data),) = exported(wiring.services(), work, Wanted(signed=True), by="Ann")
    return data, SignedCopy.objects.get()


def value_of(picture: bytes) -> str:
    return b64encode(iscc_of(picture, wiring.services().limits).binding).decode()


def asked(value: str, **more: str) -> Any:  # noqa: ANN401 - JSON
    answer = Client().get(reverse("soft-binding"), {"alg": ALG, "value": value, **more})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return answer.json().get("matches", answer.status_code)


def resaved(data: bytes, side: int = 0) -> bytes:
    """Return another file of the same image, without metadata and optionally reduced."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    if side:
        picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()


def test_a_stripped_copy_leads_to_the_manifest_that_was_signed(work: Work) -> None:
    data, row = signed(work)
    ((found),) = asked(value_of(resaved(data, 300)))
    assert found["manifestId"] == row.manifest
    assert 90 <= found["similarityScore"] <= 100
    answer = Client().get(reverse("manifest", args=[row.manifest]))
    assert answer.headers["Content-Type"] == "application/c2pa"
    assert answer.content in data
    import c2pa

    with c2pa.Reader("application/c2pa", io.BytesIO(answer.content)) as reader:
        plain = json.loads(reader.json())
    assert plain["active_manifest"] == row.manifest
    said = {one["label"]: one["data"] for one in plain["manifests"][row.manifest]["assertions"]}["c2pa.soft-binding"]
    assert said["alg"] == ALG
    assert asked(said["blocks"][0]["value"]) == [{"manifestId": row.manifest, "similarityScore": 100}]


def test_a_value_too_large_for_an_address_and_a_picture_may_be_posted(work: Work) -> None:
    data, row = signed(work)
    body = json.dumps({"alg": ALG, "value": value_of(data)})
    posted = Client(enforce_csrf_checks=True).post(reverse("soft-binding"), body, content_type="application/json")
    sent = Client(enforce_csrf_checks=True).post(
        reverse("soft-binding-content"), resaved(data, 300), content_type="image/jpeg"
    )
    assert [one["manifestId"] for one in posted.json()["matches"]] == [row.manifest]
    assert [one["manifestId"] for one in sent.json()["matches"]] == [row.manifest]
    other = Client().post(reverse("soft-binding-content"), photograph(7), content_type="image/jpeg")
    assert other.json() == {"matches": []}


def test_another_picture_leads_nowhere_and_no_manifest_is_made_up(work: Work) -> None:
    assert asked(value_of(photograph(1))) == []
    signed(work)
    assert asked(value_of(photograph(7))) == []


@pytest.mark.parametrize("how", ["closed", "removed", "purged"])
def test_what_is_not_open_any_more_answers_like_what_never_was(work: Work, how: str) -> None:
    data, row = signed(work)
    value, address = value_of(data), reverse("manifest", args=[row.manifest])
    assert (len(asked(value)), Client().get(address).status_code) == (1, 200)
    if how == "closed":
        close_work(work, by="Ann")
    elif how == "removed":
        remove_work(work, by="Ann")
    else:
        purge(wiring.services(), work.pictures.get().digest, by="Ann", reason="An order of a court.")
        assert work.pictures.get().bytes_state == BytesState.PURGED
    assert (asked(value), Client().get(address).status_code) == ([], 404)


def test_a_plain_picture_is_found_by_its_bytes_alone(work: Work) -> None:
    data, row = signed(work)
    work.pictures.update(low_information=["flat"])
    assert asked(value_of(resaved(data))) == []
    SignedCopy.objects.update(instance=iscc_of(resaved(data), wiring.services().limits).bodies["instance"])
    assert asked(value_of(resaved(data))) == [{"manifestId": row.manifest, "similarityScore": 100}]


def test_the_newest_copy_is_the_one_that_is_kept(work: Work) -> None:
    first = signed(work)[1].manifest
    second = signed(work)[1].manifest
    assert first != second
    gone = Client().get(reverse("manifest", args=[first]))
    assert (gone.status_code, gone.json()["status"], gone["Access-Control-Allow-Origin"]) == (404, 404, "*")


def test_what_cannot_be_answered_is_said(work: Work) -> None:
    data, row = signed(work)
    assert asked("AAAA") == 400
    assert asked(value_of(data), alg="com.example.other") == 400
    assert asked(value_of(data), maxResults="0") == 400
    assert len(asked(value_of(data), maxResults="1")) == 1
    posted = Client().post(reverse("soft-binding"), "[]", content_type="application/json")
    assert (posted.status_code, posted.json()["status"]) == (400, 400)
    text = Client().post(reverse("soft-binding-content"), b"no picture", content_type="image/png")
    assert text.status_code == 415
    address = reverse("manifest", args=[row.manifest])
    assert Client().get(address, {"returnActiveManifest": "true"}).status_code == 400
    assert Client().get(reverse("manifest", args=["\0"])).status_code == 404
    told = Client().get(reverse("soft-binding-algorithms")).json()
    assert told == {"watermarks": [], "fingerprints": [{"alg": ALG}]}


def test_strangers_pictures_are_measured_one_at_a_time(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    with limits.ASKED:
        answer = Client().post(reverse("soft-binding-content"), photograph(7), content_type="image/jpeg")
    assert (answer.status_code, answer.json()["status"]) == (429, 429)


def test_a_strangers_picture_costs_little(work: Work) -> None:
    large = io.BytesIO()
    Image.new("L", (6000, 5000)).save(large, "PNG")
    answer = Client().post(reverse("soft-binding-content"), large.getvalue(), content_type="image/png")
    assert answer.status_code == 415
    assert "pixels" in answer.json()["title"]
    long = Client().post(reverse("soft-binding-content"), photograph(1) + b"a" * 1024 * 1024, content_type="image/jpeg")
    assert long.status_code == 413


@pytest.mark.parametrize(("name", "most"), [("soft-binding", 60), ("soft-binding-content", 10), ("manifest", 60)])
def test_whoever_asks_too_often_is_told_so(work: Work, name: str, most: int) -> None:
    address = reverse(name, args=["x"] if name == "manifest" else [])
    ask = Client().post if name == "soft-binding-content" else Client().get
    *answers, last = [ask(address) for _ in range(most + 1)]
    assert 429 not in [answer.status_code for answer in answers]
    assert (last.status_code, last.json()["status"], last["Retry-After"]) == (429, 429, "60")
    assert last["Access-Control-Allow-Origin"] == "*"  # without it, a page of another site could not read the reason
