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
from indexer.search.prints import MAX_FILE, StatedFile, StatedPicture
from registry.matches import identify as identifying
from registry.models import Case, Owner, OwnershipRemark, Picture, Work
from registry.works.declarations import edit
from tests.assets.flooded import found_on_sites, stranger, with_floor
from tests.assets.pages import numbers_in
from tests.assets.programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


def with_comment(data: bytes, comment: bytes) -> bytes:
    """Add a comment to the EXIF of an image."""
    out, said = io.BytesIO(), Image.Exif()
    said.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + comment
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(out, "JPEG", exif=said)
    return out.getvalue()


def test_a_picture_is_registered_once_and_can_be_looked_at(studio: Owner, alice: Program) -> None:
    def send() -> Any:  # noqa: ANN401 - Django's answer in tests
        file = file_of("harbour.jpg", photograph(77))
        return alice.client.post(ROOT + "/works", {"title": "Harbour", "file": file}, headers={"Idempotency-Key": "h"})

    made = send()
    assert made.status_code == 201
    assert made.json()["is_new"]
    assert made.json()["file"] == "harbour.jpg"
    again = send()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == made.json()
    digest = made.json()["pictures"][0]["digest"]
    shown = alice.client.get(f"{ROOT}/pictures/{digest}")
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert alice.get(f"/pictures/{'0' * 64}")[0] == 404
    assert alice.client.delete(f"{ROOT}/works/{made.json()['number']}").status_code == 204
    assert alice.get(f"/works/{made.json()['number']}")[0] == 404


@pytest.mark.long
def test_copies_for_publishing_come_as_a_zip(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    wanted = {"licence_url": "https://studio.example/licences", "no_training": True}
    answer = alice.client.post(f"{ROOT}/works/1/export", wanted, content_type="application/json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist()[1:] == ["tdmrep.json"]
        assert b"https://studio.example/licences" in archive.read(archive.namelist()[0])
    wanted = {"mark_for": " Heron Magazine "}
    answer = alice.client.post(f"{ROOT}/works/1/export", wanted, content_type="application/json")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        given = file_of("given.jpg", copy_of(archive.read(archive.namelist()[0])))
    _, told = alice.form("/identify", {"file": given})
    assert [(copy["work"], copy["recipient"]) for copy in told["published_copies"]] == [(1, "Heron Magazine")]
    bad = alice.client.post(f"{ROOT}/works/1/export", {"licence_url": "ftp://x"}, content_type="application/json")
    assert bad.status_code == 400
    register(inline.services, owner("agency"), photograph(2))
    assert alice.client.post(f"{ROOT}/works/2/export", {}, content_type="application/json").status_code == 404


def test_what_is_no_picture_is_refused_with_its_reason(studio: Owner, alice: Program) -> None:
    file = file_of("a.jpg", b"not a picture")
    answer = alice.client.post(ROOT + "/works", {"title": "A", "file": file})
    assert answer.status_code == 422
    assert answer.json()["reason"]


def test_a_disk_without_room_takes_no_work(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    status, told = alice.form("/works", {"title": "Harbour", "file": file_of("a.jpg", photograph(1))})
    assert (status, told["reason"]) == (507, "disk")
    assert not Work.objects.exists()


@pytest.mark.long
def test_a_picture_is_told_apart_and_nothing_of_it_stays(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    register(inline.services, owner("agency"), photograph(2), "Theirs")
    before = sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file())
    status, told = alice.form("/identify", {"file": file_of("found.jpg", copy_of(photograph(1)))})
    assert status == 200
    assert [(one["title"], one["decision"]) for one in told["works"]] == [("Harbour", "certain")]
    assert {"entry", "checkpoint", "receipts"} <= told["works"][0].keys()
    assert told["file_statement"]["metadata"] == {}
    labelled = file_of("a.jpg", with_comment(copy_of(photograph(1)), b'{"AIGC": {"Label": "1"}}'))
    assert alice.form("/identify", {"file": labelled})[1]["file_statement"]["metadata"] == {"aigc": "Label: 1"}
    assert alice.form("/identify", {"file": file_of("found.jpg", copy_of(photograph(2)))})[1]["works"] == []
    assert alice.form("/identify", {"file": file_of("a.jpg", b"no")})[0] == 422
    assert sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file()) == before


def test_a_search_that_takes_too_long_ends(studio: Owner, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    monkeypatch.setattr(identifying, "MAX_SECONDS", -1.0)
    with pytest.raises(ServiceMissingError):
        identifying.identify(inline.services, studio, copy_of(photograph(1)))


__all__ = ["alice", "studio"]


def test_a_day_that_never_was_is_no_date_of_a_work(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    day = "2024-02-31"
    new = {"title": "Harbour", "first_publication": day, "file": file_of("a.jpg", photograph(1))}
    status, told = alice.form("/works", new)
    assert (status, told["detail"]) == (422, "“2024-02-31” isn't a date.")
    assert not Work.objects.exists()
    register(inline.services, studio, photograph(1))
    registered = {"office": "US Copyright Office", "number": "VA 1", "date": day}
    for change in ({"created": day}, {"first_publication": day}, {"registrations": [registered]}):
        assert alice.send("PATCH", "/works/1", change)[0] == 422
    assert alice.get("/works/1/changes")[1]["items"] == []


def test_a_declaration_is_changed_unless_somebody_was_first(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1))
    new = {
        "author": "B. Example",
        "registrations": [{"office": "US", "number": "VA 1"}],
        "version": 0,
        "reason": "Typo",
    }
    status, told = alice.send("PATCH", "/works/1", new)
    assert status == 200, told
    assert (status, told["author"], told["title"], told["version"]) == (200, "B. Example", "A work", 1)
    assert told["registrations"] == [{"office": "US", "number": "VA 1", "date": ""}]
    assert alice.send("PATCH", "/works/1", {"author": "C. Example", "version": 0})[0] == 409
    assert alice.send("PATCH", "/works/1", {"author_died": 1926})[1]["author_died"] == 1926
    assert alice.send("PATCH", "/works/1", {"author_died": 0})[1]["author_died"] is None
    assert alice.send("PATCH", "/works/1", {"autor": "C. Example"})[0] == 400
    (first, *_rest) = alice.get("/works/1/changes")[1]["items"]
    assert first["details"]["author"] == {"before": "", "after": "B. Example"}
    assert first["reason"] == "Typo"


def test_what_somebody_else_declares_at_the_same_moment_stays(
    studio: Owner, alice: Program, inline: SyncRunner
) -> None:
    work = register(inline.services, studio, photograph(1)).work
    asked: list[str] = []

    def meanwhile(execute: Callable[..., Any], sql: str, *how: Any) -> Any:  # noqa: ANN401 - Django's call
        if "COUNT" in sql and "registry_workchange" in sql and not asked:
            asked.append(sql)
            edit(work, replace(work.declared, author="Ann"), by="Ann")
        return execute(sql, *how)

    with connection.execute_wrapper(meanwhile):
        status, told = alice.send("PATCH", "/works/1", {"title": " Harbour ", "rights": "Mine"})
    assert asked
    assert (status, told["author"], told["title"], told["rights"]) == (200, "Ann", "Harbour", "Mine")


def test_documents_lie_beside_a_work_and_doubts_are_answered(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    OwnershipRemark.objects.create(
        work=work, kind="credit", details={"stated": {"author": "X"}}, noted_at=work.registered_at
    )
    status, told = alice.form("/works/1/documents", {"file": file_of("deed.pdf", b"%PDF"), "about": "Transfer"})
    assert (status, told["bytes"], told["about"]) == (201, 4, "Transfer")
    assert alice.client.get(f"{ROOT}/works/1/documents/1/file").getvalue() == b"%PDF"
    assert alice.client.delete(f"{ROOT}/works/1/documents/1").status_code == 204
    assert alice.get("/works/1/documents/1/file")[0] == 404
    assert alice.post("/works/1/ownership-warnings/credit/answer", {"reason": " "})[0] == 400
    status, told = alice.post("/works/1/ownership-warnings/credit/answer", {"reason": "A pseudonym of mine."})
    assert (status, told["answered_by"]) == (201, "alice@example.org (token program)")
    assert alice.post("/works/1/ownership-warnings/term/answer", {"reason": "None."})[0] == 404


@pytest.mark.long
def test_a_work_that_is_held_back_says_why_and_is_answered(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(with_floor(inline.services, 1), studio, photograph(1), "A logo")
    register(inline.services, owner("agency"), photograph(2), "Theirs")
    found_on_sites(inline.services, studio, [stranger(number, photograph(1)) for number in range(3)])
    status, told = alice.get("/works/1")
    assert (status, told["hold"]["sites"], told["hold"]["different"], told["hold"]["limit"]) == (200, 2, 2, 1)
    assert numbers_in(told["hold"]["why"])[0] == "2"
    assert [one["number"] for one in alice.get("/works?only=held")[1]["items"]] == [1]
    status, told = alice.post("/works/1/hold", {"action": "dismiss", "reason": "A logo."})
    assert (status, told["hold"]["decision"]) == (201, "dismissed")
    assert alice.post("/works/1/hold", {"action": "dismiss"})[0] == 409
    assert alice.post("/works/1/hold", {"action": "undo"})[1]["hold"]["decision"] == ""
    assert alice.post("/works/1/hold", {"action": "open"})[1]["hold"] is None
    inline.run_until_idle()
    assert Case.objects.count() == 3
    assert alice.post("/works/1/hold", {"action": "open"})[0] == 409
    assert alice.post("/works/2/hold", {"action": "open"})[0] == 404


def test_works_are_registered_by_fingerprints_alone(studio: Owner, alice: Program) -> None:
    data = photograph(78)
    told = StatedFile(works=(StatedPicture.of("harbour.jpg", len(data), extract(data)),)).model_dump_json().encode()
    status, made = alice.form("/works/fingerprints", {"file": file_of("works.json", told)})
    assert status == 200
    (work,) = made["works"]
    assert (work["is_new"], work["title"], made["failed"]) == (True, "harbour", [])
    assert (work["pictures"][0]["digest"], work["pictures"][0]["has_file"]) == (Digest.of(data).hex, False)
    assert alice.form("/works/fingerprints", {"file": file_of("works.json", told)})[1]["works"][0]["is_new"] is False
    stand_in = Picture.objects.get(bytes_state="never")
    assert alice.get(f"/pictures/{stand_in.digest}")[0] == 404
    studio.quota_bytes = 1
    studio.save()
    other = StatedPicture.of("b.jpg", 1, extract(photograph(79)))
    again = StatedFile(works=(other,)).model_dump_json().encode()
    assert alice.form("/works/fingerprints", {"file": file_of("b.json", again)})[1]["failed"][0]["reason"] == "quota"
    status, refused = alice.form("/works/fingerprints", {"file": file_of("c.json", b" " * (MAX_FILE + 1))})
    assert (status, refused["reason"]) == (422, "too-many-bytes")
    status, refused = alice.form("/works/fingerprints", {"file": file_of("c.json", told.replace(b"prints-1", b"x"))})
    assert (status, refused["reason"]) == (422, "fingerprints")


@pytest.mark.long
def test_works_stated_in_one_file_are_read_together(
    studio: Owner, alice: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    pictures = [StatedPicture.of(f"{seed}.jpg", 9, extract(photograph(seed))) for seed in (81, 82, 83, 84)]
    told = StatedFile(works=tuple(pictures)).model_dump_json().encode()
    assert len(alice.form("/works/fingerprints", {"file": file_of("works.json", told)})[1]["works"]) == 4
    with django_assert_max_num_queries(200) as counted:
        again = alice.form("/works/fingerprints", {"file": file_of("works.json", told)})[1]["works"]
    assert [(one["title"], one["is_new"]) for one in again] == [(str(seed), False) for seed in (81, 82, 83, 84)]
    reads = [one["sql"] for one in counted.captured_queries if one["sql"].startswith("SELECT")]
    assert sum('FROM "registry_work" WHERE "registry_work"."id" ' in sql for sql in reads) == 1


def test_many_works_are_changed_at_once_and_that_is_undone(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    for number, title in enumerate(("Harbour", "Tower", "Harbour at dawn"), 1):
        register(inline.services, studio, photograph(number), title)
    given = {"filter": {"q": "harbour"}, "field": "rights", "value": "© Ann Lee", "reason": "All hers."}
    _, made = alice.post("/works/changes", given)
    assert (made["number"], made["changed"], made["works"], made["state"]) == (1, 2, 2, "done")
    assert Work.objects.get(title="Tower").rights_statement == ""
    missed = alice.post("/works/changes", {"works": [2, 99, 98], "field": "put", "value": "Towers"})
    assert (missed[0], numbers_in(missed[1]["detail"])) == (404, ["98", "99"])
    assert alice.get("/collections")[1]["items"] == []
    alice.post("/works/changes", {"works": [2], "field": "put", "value": "Towers"})
    (row,) = alice.get("/collections")[1]["items"]
    assert (row["name"], row["works"]) == ("Towers", 1)
    (work,) = alice.get("/works?collection=1")[1]["items"]
    assert (work["number"], alice.get("/works/2")[1]["collections"]) == (2, ["Towers"])
    assert alice.post("/works/changes/1/undo", {})[1]["undoes"] == 1
    assert not Work.objects.exclude(rights_statement="").exists()
    assert [one["can_undo"] for one in alice.get("/works/changes")[1]["items"]] == [False, True, False]


def test_collections_are_made_renamed_and_removed(studio: Owner, alice: Program) -> None:
    made = alice.post("/collections", {"name": "Harbours"})
    assert made[0] == 201
    assert alice.post("/collections", {"name": "Harbours"}) == made
    alice.post("/collections", {"name": "Towers"})
    assert alice.send("PATCH", "/collections/1", {"name": "Towers"})[0] == 409
    assert alice.send("PATCH", "/collections/1", {"name": "Ports"})[1]["name"] == "Ports"
    assert alice.client.delete(ROOT + "/collections/1").status_code == 204
    assert [one["name"] for one in alice.get("/collections")[1]["items"]] == ["Towers"]


@pytest.mark.parametrize("given", [{}, {"works": [1], "filter": {}}, {"works": [], "filter": None}])
def test_a_change_of_many_works_says_which(studio: Owner, alice: Program, given: dict[str, Any]) -> None:
    whole = {"field": "author", "value": "Ann"} | given
    assert alice.post("/works/changes", whole)[0] == 422
