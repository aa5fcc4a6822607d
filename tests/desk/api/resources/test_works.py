"""Test works in the API: registered one by one or in parts, edited, with documents, and searched."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from indexer.picture.features import extract
from indexer.search.fingerprint_file import MAX_FILE_BYTES, StatedFile, StatedPicture
from registry.matches import identify as identifying
from registry.models import Case, Owner, OwnershipRemark, Picture, Work
from registry.works.declarations import edit_work
from tests.assets.api_programs import ROOT, Program, alice, file_of, studio
from tests.assets.flood_pictures import find_on_sites, picture_with_mark, set_flood_floor
from tests.assets.pages import numbers_in
from tests.assets.rows import owner, photograph, recompress, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


def add_comment(data: bytes, comment: bytes) -> bytes:
    """Add a comment to the EXIF of an image."""
    out, exif = io.BytesIO(), Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + comment
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_picture_is_registered_once_and_can_be_viewed(studio: Owner, alice: Program) -> None:
    def send() -> Any:  # noqa: ANN401 - Django's answer in tests
        file = file_of("harbour.jpg", photograph(77))
        return alice.client.post(ROOT + "/works", {"title": "Harbour", "file": file}, headers={"Idempotency-Key": "h"})

    response = send()
    assert response.status_code == 201
    assert response.json()["is_new"]
    assert response.json()["file"] == "harbour.jpg"
    second_response = send()
    assert second_response.headers["Idempotency-Replayed"] == "true"
    assert second_response.json() == response.json()
    digest = response.json()["pictures"][0]["digest"]
    picture_response = alice.client.get(f"{ROOT}/pictures/{digest}")
    assert picture_response.headers["Content-Type"] == "image/jpeg"
    assert alice.get(f"/pictures/{'0' * 64}")[0] == 404
    assert alice.client.delete(f"{ROOT}/works/{response.json()['number']}").status_code == 204
    assert alice.get(f"/works/{response.json()['number']}")[0] == 404


@pytest.mark.long
def test_copies_for_publishing_are_returned_as_a_zip(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    options = {"licence_url": "https://studio.example/licences", "no_training": True}
    response = alice.client.post(f"{ROOT}/works/1/export", options, content_type="application/json")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist()[1:] == ["tdmrep.json"]
        assert b"https://studio.example/licences" in archive.read(archive.namelist()[0])
    options = {"mark_for": " Heron Magazine "}
    response = alice.client.post(f"{ROOT}/works/1/export", options, content_type="application/json")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        upload = file_of("given.jpg", recompress(archive.read(archive.namelist()[0])))
    _, body = alice.form("/identify", {"file": upload})
    assert [(copy["work"], copy["recipient"]) for copy in body["published_copies"]] == [(1, "Heron Magazine")]
    bad = alice.client.post(f"{ROOT}/works/1/export", {"licence_url": "ftp://x"}, content_type="application/json")
    assert bad.status_code == 400
    register(inline.services, owner("agency"), photograph(2))
    assert alice.client.post(f"{ROOT}/works/2/export", {}, content_type="application/json").status_code == 404


def test_invalid_pictures_are_rejected_with_a_reason(studio: Owner, alice: Program) -> None:
    file = file_of("a.jpg", b"not a picture")
    response = alice.client.post(ROOT + "/works", {"title": "A", "file": file})
    assert response.status_code == 422
    assert response.json()["reason"]


def test_full_disk_rejects_works(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    status, body = alice.form("/works", {"title": "Harbour", "file": file_of("a.jpg", photograph(1))})
    assert (status, body["reason"]) == (507, "disk")
    assert not Work.objects.exists()


@pytest.mark.long
def test_identified_picture_is_not_stored(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    register(inline.services, owner("agency"), photograph(2), "Theirs")
    before = sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file())
    status, body = alice.form("/identify", {"file": file_of("found.jpg", recompress(photograph(1)))})
    assert status == 200
    assert [(work["title"], work["decision"]) for work in body["works"]] == [("Harbour", "certain")]
    assert {"entry", "checkpoint", "receipts"} <= body["works"][0].keys()
    assert body["file_statement"]["metadata"] == {}
    labelled = file_of("a.jpg", add_comment(recompress(photograph(1)), b'{"AIGC": {"Label": "1"}}'))
    assert alice.form("/identify", {"file": labelled})[1]["file_statement"]["metadata"] == {"aigc": "Label: 1"}
    assert alice.form("/identify", {"file": file_of("found.jpg", recompress(photograph(2)))})[1]["works"] == []
    assert alice.form("/identify", {"file": file_of("a.jpg", b"no")})[0] == 422
    assert sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file()) == before


def test_slow_search_times_out(studio: Owner, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    monkeypatch.setattr(identifying, "MAX_SECONDS", -1.0)
    with pytest.raises(ServiceMissingError):
        identifying.identify_picture(inline.services, studio, recompress(photograph(1)))


__all__ = ["alice", "studio"]


def test_invalid_date_is_rejected(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    day = "2024-02-31"
    new = {"title": "Harbour", "first_publication": day, "file": file_of("a.jpg", photograph(1))}
    status, body = alice.form("/works", new)
    assert (status, body["detail"]) == (422, "“2024-02-31” is not a date.")
    assert not Work.objects.exists()
    register(inline.services, studio, photograph(1))
    registration = {"office": "US Copyright Office", "number": "VA 1", "date": day}
    for change in ({"created": day}, {"first_publication": day}, {"registrations": [registration]}):
        assert alice.send("PATCH", "/works/1", change)[0] == 422
    assert alice.get("/works/1/changes")[1]["items"] == []


def test_declaration_change_conflicts_with_earlier_change(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1))
    new = {
        "author": "B. Example",
        "registrations": [{"office": "US", "number": "VA 1"}],
        "version": 0,
        "reason": "Typo",
    }
    status, body = alice.send("PATCH", "/works/1", new)
    assert status == 200, body
    assert (status, body["author"], body["title"], body["version"]) == (200, "B. Example", "A work", 1)
    assert body["registrations"] == [{"office": "US", "number": "VA 1", "date": ""}]
    assert alice.send("PATCH", "/works/1", {"author": "C. Example", "version": 0})[0] == 409
    assert alice.send("PATCH", "/works/1", {"author_died": 1926})[1]["author_died"] == 1926
    assert alice.send("PATCH", "/works/1", {"author_died": 0})[1]["author_died"] is None
    assert alice.send("PATCH", "/works/1", {"autor": "C. Example"})[0] == 400
    (first, *_rest) = alice.get("/works/1/changes")[1]["items"]
    assert first["details"]["author"] == {"before": "", "after": "B. Example"}
    assert first["reason"] == "Typo"


def test_concurrent_declaration_changes_are_kept(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    requests: list[str] = []

    def change_concurrently(execute: Callable[..., Any], sql: str, *how: Any) -> Any:  # noqa: ANN401 - Django's call
        if "COUNT" in sql and "registry_workchange" in sql and not requests:
            requests.append(sql)
            edit_work(work, replace(work.declared_work, author="Ann"), by="Ann")
        return execute(sql, *how)

    with connection.execute_wrapper(change_concurrently):
        status, body = alice.send("PATCH", "/works/1", {"title": " Harbour ", "rights": "Mine"})
    assert requests
    assert (status, body["author"], body["title"], body["rights"]) == (200, "Ann", "Harbour", "Mine")


def test_documents_can_be_attached_to_a_work_and_ownership_warnings_answered(
    studio: Owner, alice: Program, inline: SyncRunner
) -> None:
    work = register(inline.services, studio, photograph(1)).work
    OwnershipRemark.objects.create(
        work=work, kind="credit", details={"stated": {"author": "X"}}, noted_at=work.registered_at
    )
    status, body = alice.form("/works/1/documents", {"file": file_of("deed.pdf", b"%PDF"), "about": "Transfer"})
    assert (status, body["bytes"], body["about"]) == (201, 4, "Transfer")
    assert alice.client.get(f"{ROOT}/works/1/documents/1/file").getvalue() == b"%PDF"
    assert alice.client.delete(f"{ROOT}/works/1/documents/1").status_code == 204
    assert alice.get("/works/1/documents/1/file")[0] == 404
    assert alice.post("/works/1/ownership-warnings/credit/answer", {"reason": " "})[0] == 400
    status, body = alice.post("/works/1/ownership-warnings/credit/answer", {"reason": "A pseudonym of mine."})
    assert (status, body["answered_by"]) == (201, "alice@example.org (token program)")
    assert alice.post("/works/1/ownership-warnings/term/answer", {"reason": "None."})[0] == 404


@pytest.mark.long
def test_work_on_hold_shows_its_reason_and_can_be_released(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(set_flood_floor(inline.services, 1), studio, photograph(1), "A logo")
    register(inline.services, owner("agency"), photograph(2), "Theirs")
    find_on_sites(inline.services, studio, [picture_with_mark(number, photograph(1)) for number in range(3)])
    status, body = alice.get("/works/1")
    assert (status, body["hold"]["sites"], body["hold"]["distinct_sites"], body["hold"]["limit"]) == (200, 2, 2, 1)
    assert numbers_in(body["hold"]["reason"])[0] == "2"
    assert [item["number"] for item in alice.get("/works?only=held")[1]["items"]] == [1]
    status, body = alice.post("/works/1/hold", {"action": "dismiss", "reason": "A logo."})
    assert (status, body["hold"]["decision"]) == (201, "dismissed")
    assert alice.post("/works/1/hold", {"action": "dismiss"})[0] == 409
    assert alice.post("/works/1/hold", {"action": "undo"})[1]["hold"]["decision"] == ""
    assert alice.post("/works/1/hold", {"action": "open"})[1]["hold"] is None
    inline.run_until_idle()
    assert Case.objects.count() == 3
    assert alice.post("/works/1/hold", {"action": "open"})[0] == 409
    assert alice.post("/works/2/hold", {"action": "open"})[0] == 404


def test_works_are_registered_by_fingerprints_alone(studio: Owner, alice: Program) -> None:
    data = photograph(78)
    statement = (
        StatedFile(works=(StatedPicture.from_features("harbour.jpg", len(data), extract(data)),))
        .model_dump_json()
        .encode()
    )
    status, body = alice.form("/works/fingerprints", {"file": file_of("works.json", statement)})
    assert status == 200
    (work,) = body["works"]
    assert (work["is_new"], work["title"], body["failed"]) == (True, "harbour", [])
    assert (work["pictures"][0]["digest"], work["pictures"][0]["has_file"]) == (Digest.from_bytes(data).hex, False)
    assert (
        alice.form("/works/fingerprints", {"file": file_of("works.json", statement)})[1]["works"][0]["is_new"] is False
    )
    placeholder = Picture.objects.get(bytes_state="never")
    assert alice.get(f"/pictures/{placeholder.digest}")[0] == 404
    studio.quota_bytes = 1
    studio.save()
    other = StatedPicture.from_features("b.jpg", 1, extract(photograph(79)))
    second_file = StatedFile(works=(other,)).model_dump_json().encode()
    assert (
        alice.form("/works/fingerprints", {"file": file_of("b.json", second_file)})[1]["failed"][0]["reason"] == "quota"
    )
    status, problem = alice.form("/works/fingerprints", {"file": file_of("c.json", b" " * (MAX_FILE_BYTES + 1))})
    assert (status, problem["reason"]) == (422, "too-many-bytes")
    status, problem = alice.form(
        "/works/fingerprints", {"file": file_of("c.json", statement.replace(b"prints-1", b"x"))}
    )
    assert (status, problem["reason"]) == (422, "fingerprints")


@pytest.mark.long
def test_works_of_a_fingerprint_file_are_read_together(
    studio: Owner, alice: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    pictures = [StatedPicture.from_features(f"{seed}.jpg", 9, extract(photograph(seed))) for seed in (81, 82, 83, 84)]
    statement = StatedFile(works=tuple(pictures)).model_dump_json().encode()
    assert len(alice.form("/works/fingerprints", {"file": file_of("works.json", statement)})[1]["works"]) == 4
    with django_assert_max_num_queries(200) as queries:
        second_works = alice.form("/works/fingerprints", {"file": file_of("works.json", statement)})[1]["works"]
    assert [(item["title"], item["is_new"]) for item in second_works] == [
        (str(seed), False) for seed in (81, 82, 83, 84)
    ]
    selects = [item["sql"] for item in queries.captured_queries if item["sql"].startswith("SELECT")]
    assert sum('FROM "registry_work" WHERE "registry_work"."id" ' in sql for sql in selects) == 1


def test_bulk_changes_of_works_can_be_undone(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    for number, title in enumerate(("Harbour", "Tower", "Harbour at dawn"), 1):
        register(inline.services, studio, photograph(number), title)
    change = {"filter": {"q": "harbour"}, "field": "rights", "value": "© Ann Lee", "reason": "All hers."}
    _, body = alice.post("/works/changes", change)
    assert (body["number"], body["changed"], body["works"], body["state"]) == (1, 2, 2, "done")
    assert Work.objects.get(title="Tower").rights_statement == ""
    result = alice.post("/works/changes", {"works": [2, 99, 98], "field": "put", "value": "Towers"})
    assert (result[0], numbers_in(result[1]["detail"])) == (404, ["98", "99"])
    assert alice.get("/collections")[1]["items"] == []
    alice.post("/works/changes", {"works": [2], "field": "put", "value": "Towers"})
    (row,) = alice.get("/collections")[1]["items"]
    assert (row["name"], row["works"]) == ("Towers", 1)
    (work,) = alice.get("/works?collection=1")[1]["items"]
    assert (work["number"], alice.get("/works/2")[1]["collections"]) == (2, ["Towers"])
    assert alice.post("/works/changes/1/undo", {})[1]["undoes"] == 1
    assert not Work.objects.exclude(rights_statement="").exists()
    assert [item["can_undo"] for item in alice.get("/works/changes")[1]["items"]] == [False, True, False]


def test_collections_are_created_renamed_and_removed(studio: Owner, alice: Program) -> None:
    result = alice.post("/collections", {"name": "Harbours"})
    assert result[0] == 201
    assert alice.post("/collections", {"name": "Harbours"}) == result
    alice.post("/collections", {"name": "Towers"})
    assert alice.send("PATCH", "/collections/1", {"name": "Towers"})[0] == 409
    assert alice.send("PATCH", "/collections/1", {"name": "Ports"})[1]["name"] == "Ports"
    assert alice.client.delete(ROOT + "/collections/1").status_code == 204
    assert [item["name"] for item in alice.get("/collections")[1]["items"]] == ["Towers"]


@pytest.mark.parametrize("fields", [{}, {"works": [1], "filter": {}}, {"works": [], "filter": None}])
def test_bulk_change_of_works_requires_a_selection(studio: Owner, alice: Program, fields: dict[str, Any]) -> None:
    body = {"field": "author", "value": "Ann"} | fields
    assert alice.post("/works/changes", body)[0] == 422
