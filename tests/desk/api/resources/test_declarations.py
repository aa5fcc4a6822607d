"""What is declared of a work through the API: changed, doubted, and proved with documents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import connection

from registry.models import Owner, OwnershipRemark, Work
from tests.assets.programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import photograph, register
from workers.tasks.sync_runner import SyncRunner
from workers.works.declarations import edit

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
    assert alice.post("/works/1/remarks/credit/answer", {"reason": " "})[0] == 400
    status, told = alice.post("/works/1/remarks/credit/answer", {"reason": "A pseudonym of mine."})
    assert (status, told["answered_by"]) == (201, "alice@example.org (token program)")
    assert alice.post("/works/1/remarks/term/answer", {"reason": "None."})[0] == 404
