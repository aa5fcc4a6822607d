"""The ownership check at registration, changes of what is declared, and documents beside a work."""

import io

import pytest
from PIL import Image

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, RefusedError, WrongUseError
from exhibit.types import DeclaredWork
from registry.models import BlockedDigest, LogOpening, LogSubmission, Owner, OwnershipRemark, Picture, Work
from tests.assets.rows import owner, photograph, register
from tests.exhibit.pictures.test_metadata import exif
from workers.cases.purge import purge
from workers.evidence.deposits import make_deposit, sealed_deposit
from workers.notices.stops import stopping
from workers.operations.retention import expire_bytes
from workers.tasks.sync_runner import SyncRunner
from workers.works import declarations
from workers.works.declarations import attach, detach, edit
from workers.works.ownership import answer, names_one_of, terms
from workers.works.registration import NewWork, register_work
from workers.works.registrations import registration_of


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def signed(seed: int, **tags: str | bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(photograph(seed))).save(out, "JPEG", exif=exif(**tags))
    return out.getvalue()


def kinds(work: Work) -> set[str]:
    return set(work.remarks.values_list("kind", flat=True))


def test_what_the_file_states_fills_gaps_only_if_its_owner_wishes(inline: SyncRunner, studio: Owner) -> None:
    tags = {"Artist": "Ann Lee", "Copyright": "Copyright Ann Lee", "DateTimeOriginal": "2020:05:31 10:00:00"}
    first = register_work(inline.services, studio, signed(1, **tags), NewWork(source_name="x/a.jpg")).work
    second = register_work(
        inline.services, studio, signed(2, **tags), NewWork(DeclaredWork(rights_statement="Ours"), reads_metadata=True)
    ).work
    assert (first.title, first.author, first.metadata["author"]) == ("a", "", "Ann Lee")
    assert (second.author, second.created, second.rights_statement) == ("Ann Lee", "2020-05-31", "Ours")


def test_a_credit_for_somebody_else_is_said_and_recorded_and_decides_nothing(inline: SyncRunner, studio: Owner) -> None:
    data = signed(1, Artist="Bo Chan", Copyright="(c) 2020 Bo Chan. All rights reserved")
    work = register_work(inline.services, studio, data, NewWork(DeclaredWork(title="A", author="Ann Lee"))).work
    remark = work.remarks.get()
    assert remark.details == {"stated": {"author": "Bo Chan", "rights": "(c) 2020 Bo Chan. All rights reserved"}}
    told = LogOpening.objects.filter(content__what="ownership check").get()
    assert (told.details or {})["found"] == {"credit": remark.details}
    with pytest.raises(WrongUseError, match="reason"):
        answer(remark, by="ann", reason="")
    answer(remark, by="ann", reason="We bought the rights in 2021.")
    edit(work, DeclaredWork(title="A", author="Ann Lee", credit="Ann"), by="ann")
    remark.refresh_from_db()
    assert (remark.reason, remark.answered_by) == ("We bought the rights in 2021.", "ann")


def test_a_remark_goes_with_its_cause_and_returns_with_it(inline: SyncRunner, studio: Owner) -> None:
    work = register_work(inline.services, studio, signed(1, Artist="Bo Chan"), NewWork(DeclaredWork(title="A"))).work
    assert kinds(work) == {"credit"}
    edit(work, DeclaredWork(title="A", author="Bo Chan"), by="ann")
    assert kinds(work) == set()
    edit(work, DeclaredWork(title="A", author="Ann Lee"), by="ann")
    assert kinds(work) == {"credit"}


@pytest.mark.parametrize(
    ("text", "names", "same"),
    [
        ("Photo: A. Lee / Studio Example", ["Ann Lee"], True),
        ("© 2020 ANN LEE. All rights reserved", ["Ann Lee"], True),
        ("Jürgen Müller", ["Jurgen Muller"], True),
        ("摄影：陈明", ["陈明"], True),
        ("© 2020", ["Ann Lee"], True),  # it names nobody
        ("Ann Leeds", ["Ann Lee"], False),
        ("Bo Chan", ["Ann Lee", "Studio"], False),
        ("李华", ["陈明"], False),
        ("Bo Chan", [""], False),
    ],
)
def test_names_are_compared_as_people_write_them(text: str, names: list[str], same: bool) -> None:  # noqa: FBT001
    assert names_one_of(text, names) is same


def test_likely_public_domain_stops_notices_until_a_person_gives_a_reason(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    assert stopping(work) == []
    edit(work, DeclaredWork(title="A", author="Monet", author_died=1926, rights_statement="Public domain"), by="ann")
    assert stopping(Work.objects.get()) == ["term", "dedication"]
    countries = work.remarks.get(kind="term").details["countries"]
    assert "EU" in countries
    assert "US" not in countries  # nobody entered a publication
    for one in work.remarks.filter(kind__in=["term", "dedication"]):
        answer(one, by="ann", reason="Our own photograph of it; see the contract.")
    assert stopping(Work.objects.get()) == []
    edit(work, DeclaredWork(title="A", author="Monet", author_died=1926, first_publication="1900"), by="ann")
    assert stopping(Work.objects.get()) == ["term"]  # now over in the United States, too
    assert {one.standing for one in terms(Work.objects.get())} == {"over"}


def test_a_change_is_kept_with_what_was_before_and_is_an_entry_of_the_log(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    before = registration_of(work)
    registration = {"office": "USCO", "number": "VA 1", "date": ""}
    new = DeclaredWork(title="Two parrots", author="Ann Lee", registrations=(registration,))
    assert edit(work, new, by="ann", reason="Typing error.", version=0)
    assert not edit(work, new, by="ann")
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
    after = registration_of(Work.objects.get())
    assert before is not None
    assert after is not None
    assert after.submission == before.submission  # since when it is registered doesn't change
    with pytest.raises(ConflictError, match="Somebody else has changed"):
        edit(work, DeclaredWork(title="B"), by="bob", version=0)
    assert Work.objects.get().declared.title == "Two parrots"


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"created": "May"}, {"author_died": 9999}, {"author_kind": "cat"}, {"medium": "song"}]
)
def test_what_cannot_be_declared_is_refused(inline: SyncRunner, studio: Owner, wrong: dict[str, object]) -> None:
    work = register(inline.services, studio, photograph(1)).work
    with pytest.raises(WrongUseError):
        edit(work, DeclaredWork(**({"title": "A"} | wrong)), by="ann")  # type: ignore[arg-type]
    assert not work.changes.exists()


def test_a_deposit_record_after_a_change_rests_on_the_entry_of_the_change(inline: SyncRunner, studio: Owner) -> None:
    from workers.evidence.bundles import sealed_facts

    work = register(inline.services, studio, photograph(1)).work
    make_deposit(inline.services, work, by="ann")
    edit(
        work, DeclaredWork(title="Two parrots", created="2020", holder="Heirs of Ann", credit="Ann / Studio"), by="ann"
    )
    second = make_deposit(inline.services, Work.objects.get(), by="ann")
    facts = sealed_facts(inline.services, sealed_deposit(inline.services, second))
    assert (second.number, facts.work.title) == (2, "Two parrots")
    assert (facts.work.created, facts.work.holder, facts.work.credit) == ("2020", "Heirs of Ann", "Ann / Studio")
    assert facts.work.registration is not None
    assert facts.work.registration.opening["title"] == "Two parrots"


def test_documents_are_kept_exactly_named_in_the_log_and_limited(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = inline.services
    work = register(services, studio, photograph(1)).work
    made = attach(services, work, "contract.pdf", b"%PDF-1.7 exact", about="Assignment of 2021", by="ann")
    assert services.blobs.get(Digest.of(b"%PDF-1.7 exact")) == b"%PDF-1.7 exact"
    told = LogOpening.objects.get(content__what="work attachment added")
    assert (told.details or {})["digest"] == Digest.of(b"%PDF-1.7 exact").hex
    BlockedDigest.objects.create(digest=Digest.of(b"blocked"))
    for data in (b"", b"x" * (declarations.MAX_ATTACHMENT + 1), b"blocked"):
        with pytest.raises(RefusedError):
            attach(services, work, "a", data, about="", by="ann")
    monkeypatch.setattr(declarations, "MAX_ATTACHMENTS", 1)
    with pytest.raises(RefusedError, match="1 documents"):
        attach(services, work, "b", b"b", about="", by="ann")
    detach(made, by="ann")
    detach(made, by="ann")
    assert LogSubmission.objects.filter(opening__content__what="work attachment removed").count() == 1
    assert [one.kind for one in work.changes.all()] == ["detached", "attached"]


def test_a_document_outlives_the_picture_with_the_same_bytes(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    data = photograph(2)
    attach(inline.services, work, "scan.jpg", data, about="", by="ann")
    old = now().replace(year=now().year - 1)
    Picture.objects.create(digest=Digest.of(data), size=len(data), first_seen=old, state="done")
    expire_bytes(inline.services)
    assert Digest.of(data) in inline.services.blobs
    purge(inline.services, Digest.of(data), by="op", reason="Illegal.")
    assert Digest.of(data) not in inline.services.blobs


def test_an_earlier_registration_by_another_is_told_with_its_date_alone(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, owner("agency"), photograph(1))
    work = register(inline.services, studio, photograph(1)).work
    conflict = work.conflicts.get()
    assert conflict.kind == "same"
    assert not OwnershipRemark.objects.exists()
