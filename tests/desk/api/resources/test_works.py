"""Works through the API: registered one by one or in portions, declared anew, with documents, and looked for."""

from dataclasses import replace
from typing import Any

import pytest

from exhibit.errors import ServiceMissingError
from registry.models import Owner, Work
from tests.assets.programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import copy_of, owner, photograph, register
from workers.matching import identify as identifying
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


def test_a_picture_is_registered_once_and_can_be_looked_at(studio: Owner, alice: Program) -> None:
    def send() -> Any:  # noqa: ANN401 - Django's answer in tests
        file = file_of("harbour.jpg", photograph(77))
        return alice.client.post(ROOT + "/works", {"title": "Harbour", "file": file}, headers={"Idempotency-Key": "h"})

    made = send()
    assert made.status_code == 201
    assert made.json()["new"]
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


def test_a_picture_is_told_apart_and_nothing_of_it_stays(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    register(inline.services, owner("agency"), photograph(2), "Theirs")
    before = sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file())
    status, told = alice.form("/identify", {"file": file_of("found.jpg", copy_of(photograph(1)))})
    assert status == 200
    assert [(one["title"], one["decision"]) for one in told["works"]] == [("Harbour", "certain")]
    assert alice.form("/identify", {"file": file_of("found.jpg", copy_of(photograph(2)))})[1]["works"] == []
    assert alice.form("/identify", {"file": file_of("a.jpg", b"no")})[0] == 422
    assert sum(1 for path in inline.services.config.data_dir.rglob("*") if path.is_file()) == before


def test_a_search_that_takes_too_long_ends(studio: Owner, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    monkeypatch.setattr(identifying, "MAX_SECONDS", -1.0)
    with pytest.raises(ServiceMissingError, match="takes longer"):
        identifying.identify(inline.services, studio, copy_of(photograph(1)))
