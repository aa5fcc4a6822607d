"""Test changes of a work's declarations, and its documents."""

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError, RefusedError
from exhibit.types import DeclaredWork
from registry.bundles.bundles import load_sealed_facts
from registry.bundles.deposits import load_sealed_deposit, make_deposit
from registry.models import BlockedDigest, LogOpening, LogSubmission, Owner, Picture, Work
from registry.retention.expiry import expire_bytes
from registry.retention.purge import purge_picture
from registry.works import declarations
from registry.works.declarations import attach_document, detach_document, edit_work
from registry.works.registration_proofs import get_registration
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_edit_stores_previous_values_and_is_logged(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    before = get_registration(work)
    registration = {"office": "USCO", "number": "VA 1", "date": ""}
    new = DeclaredWork(title="Two parrots", author="Ann Lee", registrations=(registration,))
    assert edit_work(work, new, by="ann", reason="Typing error.", version=0)
    assert not edit_work(work, new, by="ann")
    change = work.changes.get()
    assert change.details["title"] == {"before": "A work", "after": "Two parrots"}
    assert (change.by, change.reason, set(change.details)) == (
        "ann",
        "Typing error.",
        {"title", "author", "registrations"},
    )
    assert work.declaration is not None
    opening = work.declaration.opening
    assert (opening.content["title"], opening.content["edited"]) == ("Two parrots", 1)
    assert (opening.details or {})["by"] == "ann"
    after = get_registration(Work.objects.get())
    assert before is not None
    assert after is not None
    assert after.submission == before.submission  # its registration date does not change
    with pytest.raises(ConflictError):
        edit_work(work, DeclaredWork(title="B"), by="bob", version=0)
    assert Work.objects.get().declared_work.title == "Two parrots"


def test_invalid_declaration_is_rejected(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    for wrong in ({"title": ""}, {"created": "May"}, {"author_died": 9999}, {"author_kind": "cat"}, {"medium": "song"}):
        with pytest.raises(InvalidRequestError):
            edit_work(work, DeclaredWork(**({"title": "A"} | wrong)), by="ann")
    assert not work.changes.exists()


@pytest.mark.long
def test_deposit_record_after_edit_uses_the_edited_declaration(inline: SyncRunner, studio: Owner) -> None:

    work = register(inline.services, studio, photograph(1)).work
    make_deposit(inline.services, work, by="ann")
    edit_work(
        work, DeclaredWork(title="Two parrots", created="2020", holder="Heirs of Ann", credit="Ann / Studio"), by="ann"
    )
    second = make_deposit(inline.services, Work.objects.get(), by="ann")
    facts = load_sealed_facts(inline.services, load_sealed_deposit(inline.services, second))
    assert (second.number, facts.work.title) == (2, "Two parrots")
    assert (facts.work.created, facts.work.holder, facts.work.credit) == ("2020", "Heirs of Ann", "Ann / Studio")
    assert facts.work.registration is not None
    assert facts.work.registration.opening["title"] == "Two parrots"


def test_attachments_are_stored_exactly_logged_and_limited(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = inline.services
    work = register(services, studio, photograph(1)).work
    attachment = attach_document(
        services, work, "contract.pdf", b"%PDF-1.7 exact", description="Assignment of 2021", by="ann"
    )
    assert services.blobs.get(Digest.from_bytes(b"%PDF-1.7 exact")) == b"%PDF-1.7 exact"
    opening = LogOpening.objects.get(content__what="work attachment added")
    assert (opening.details or {})["digest"] == Digest.from_bytes(b"%PDF-1.7 exact").hex
    BlockedDigest.objects.create(digest=Digest.from_bytes(b"blocked"))
    for data in (b"", b"x" * (declarations.MAX_ATTACHMENT_BYTES + 1), b"blocked"):
        with pytest.raises(RefusedError):
            attach_document(services, work, "a", data, description="", by="ann")
    monkeypatch.setattr(declarations, "MAX_ATTACHMENTS", 1)
    with pytest.raises(RefusedError, match="1"):
        attach_document(services, work, "b", b"b", description="", by="ann")
    detach_document(attachment, by="ann")
    detach_document(attachment, by="ann")
    assert LogSubmission.objects.filter(opening__content__what="work attachment removed").count() == 1
    assert [change.kind for change in work.changes.all()] == ["detached", "attached"]


def test_attachment_outlives_expired_picture_with_the_same_bytes(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    data = photograph(2)
    attach_document(inline.services, work, "scan.jpg", data, description="", by="ann")
    old = now().replace(year=now().year - 1)
    Picture.objects.create(digest=Digest.from_bytes(data), size=len(data), first_seen=old, state="done")
    expire_bytes(inline.services)
    assert Digest.from_bytes(data) in inline.services.blobs
    purge_picture(inline.services, Digest.from_bytes(data), by="op", reason="Illegal.")
    assert Digest.from_bytes(data) not in inline.services.blobs
