"""Test that a copy without credentials resolves to them by a soft binding's value or the image itself."""

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
from exhibit.pictures.iscc import compute_iscc
from registry.models import BytesState, SignedCopy, Work
from registry.retention.purge import purge_picture
from registry.works.exporting import ExportOptions, export_pictures
from registry.works.public_works import publish_work, unpublish_work
from registry.works.registration import remove_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import photograph
from workers import wiring

__all__ = ["scene"]
ALG = "io.iscc.v0"
pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")


@pytest.fixture
def work(scene: Scene) -> Iterator[Work]:
    cache.clear()
    yield publish_work(wiring.services(), scene.work, contact="", by="Ann")
    cache.clear()


def sign_copy(work: Work) -> tuple[bytes, SignedCopy]:
    ((_, data),) = export_pictures(wiring.services(), work, ExportOptions(signed=True), by="Ann")
    return data, SignedCopy.objects.get()


def compute_binding(picture: bytes) -> str:
    return b64encode(compute_iscc(picture, wiring.services().limits).binding).decode()


def query_binding(value: str, **more: str) -> Any:  # noqa: ANN401 - JSON
    response = Client().get(reverse("soft-binding"), {"alg": ALG, "value": value, **more})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.json().get("matches", response.status_code)


def resave(data: bytes, side: int = 0) -> bytes:
    """Return another file of the same image, without metadata and optionally reduced."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    if side:
        picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()


def test_copy_without_metadata_resolves_to_its_signed_manifest(work: Work) -> None:
    data, row = sign_copy(work)
    ((match),) = query_binding(compute_binding(resave(data, 300)))
    assert match["manifestId"] == row.manifest
    assert 90 <= match["similarityScore"] <= 100
    response = Client().get(reverse("manifest", args=[row.manifest]))
    assert response.headers["Content-Type"] == "application/c2pa"
    assert response.content in data
    import c2pa

    with c2pa.Reader("application/c2pa", io.BytesIO(response.content)) as reader:
        manifest_data = json.loads(reader.json())
    assert manifest_data["active_manifest"] == row.manifest
    binding = {
        assertion["label"]: assertion["data"] for assertion in manifest_data["manifests"][row.manifest]["assertions"]
    }["c2pa.soft-binding"]
    assert binding["alg"] == ALG
    assert query_binding(binding["blocks"][0]["value"]) == [{"manifestId": row.manifest, "similarityScore": 100}]


def test_long_soft_binding_value_or_picture_can_be_posted(work: Work) -> None:
    data, row = sign_copy(work)
    body = json.dumps({"alg": ALG, "value": compute_binding(data)})
    response = Client(enforce_csrf_checks=True).post(reverse("soft-binding"), body, content_type="application/json")
    other_response = Client(enforce_csrf_checks=True).post(
        reverse("soft-binding-content"), resave(data, 300), content_type="image/jpeg"
    )
    assert [match["manifestId"] for match in response.json()["matches"]] == [row.manifest]
    assert [match["manifestId"] for match in other_response.json()["matches"]] == [row.manifest]
    other = Client().post(reverse("soft-binding-content"), photograph(7), content_type="image/jpeg")
    assert other.json() == {"matches": []}


def test_unrelated_picture_resolves_to_no_manifest(work: Work) -> None:
    assert query_binding(compute_binding(photograph(1))) == []
    sign_copy(work)
    assert query_binding(compute_binding(photograph(7))) == []


@pytest.mark.parametrize("how", ["closed", "removed", "purged"])
def test_private_and_unknown_works_return_the_same_response(work: Work, how: str) -> None:
    data, row = sign_copy(work)
    value, address = compute_binding(data), reverse("manifest", args=[row.manifest])
    assert (len(query_binding(value)), Client().get(address).status_code) == (1, 200)
    if how == "closed":
        unpublish_work(work, by="Ann")
    elif how == "removed":
        remove_work(work, by="Ann")
    else:
        purge_picture(wiring.services(), work.pictures.get().digest, by="Ann", reason="An order of a court.")
        assert work.pictures.get().bytes_state == BytesState.PURGED
    assert (query_binding(value), Client().get(address).status_code) == ([], 404)


def test_plain_picture_is_found_by_its_bytes(work: Work) -> None:
    data, row = sign_copy(work)
    work.pictures.update(low_information=["flat"])
    assert query_binding(compute_binding(resave(data))) == []
    SignedCopy.objects.update(instance=compute_iscc(resave(data), wiring.services().limits).bodies["instance"])
    assert query_binding(compute_binding(resave(data))) == [{"manifestId": row.manifest, "similarityScore": 100}]


def test_manifest_of_newest_signed_copy_replaces_earlier_manifest(work: Work) -> None:
    first = sign_copy(work)[1].manifest
    second = sign_copy(work)[1].manifest
    assert first != second
    response = Client().get(reverse("manifest", args=[first]))
    assert (response.status_code, response.json()["status"], response["Access-Control-Allow-Origin"]) == (404, 404, "*")


def test_invalid_soft_binding_requests_are_explained(work: Work) -> None:
    data, row = sign_copy(work)
    assert query_binding("AAAA") == 400
    assert query_binding(compute_binding(data), alg="com.example.other") == 400
    assert query_binding(compute_binding(data), maxResults="0") == 400
    assert len(query_binding(compute_binding(data), maxResults="1")) == 1
    response = Client().post(reverse("soft-binding"), "[]", content_type="application/json")
    assert (response.status_code, response.json()["status"]) == (400, 400)
    text = Client().post(reverse("soft-binding-content"), b"no picture", content_type="image/png")
    assert text.status_code == 415
    address = reverse("manifest", args=[row.manifest])
    assert Client().get(address, {"returnActiveManifest": "true"}).status_code == 400
    assert Client().get(reverse("manifest", args=["\0"])).status_code == 404
    algorithms = Client().get(reverse("soft-binding-algorithms")).json()
    assert algorithms == {"watermarks": [], "fingerprints": [{"alg": ALG}]}


def test_anonymous_pictures_are_measured_one_at_a_time(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLOT_WAIT_SECONDS", 0.01)
    with limits.PUBLIC_SEARCH_SLOT:
        response = Client().post(reverse("soft-binding-content"), photograph(7), content_type="image/jpeg")
    assert (response.status_code, response.json()["status"]) == (429, 429)


def test_expensive_anonymous_pictures_are_rejected(work: Work) -> None:
    large = io.BytesIO()
    Image.new("L", (6000, 5000)).save(large, "PNG")
    response = Client().post(reverse("soft-binding-content"), large.getvalue(), content_type="image/png")
    assert response.status_code == 415
    assert "pixels" in response.json()["title"]
    long = Client().post(reverse("soft-binding-content"), photograph(1) + b"a" * 1024 * 1024, content_type="image/jpeg")
    assert long.status_code == 413


@pytest.mark.parametrize(("name", "limit"), [("soft-binding", 60), ("soft-binding-content", 10), ("manifest", 60)])
def test_soft_binding_rate_limit_is_reported(work: Work, name: str, limit: int) -> None:
    address = reverse(name, args=["x"] if name == "manifest" else [])
    ask = Client().post if name == "soft-binding-content" else Client().get
    *responses, last = [ask(address) for _ in range(limit + 1)]
    assert 429 not in [response.status_code for response in responses]
    assert (last.status_code, last.json()["status"], last["Retry-After"]) == (429, 429, "60")
    assert last["Access-Control-Allow-Origin"] == "*"  # without it, a page of another site could not read the reason
