"""Test the ownership check at registration and after changes of declarations."""

import io

import pytest
from PIL import Image

from exhibit.errors import InvalidRequestError
from exhibit.types import DeclaredWork
from registry.models import LogOpening, Owner, OwnershipRemark, Work
from registry.works.declarations import edit_work
from registry.works.ownership import PROBLEMS, assess_terms, is_any_name, list_warnings, record_reply
from registry.works.registration import NewWork, register_work
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.rows import owner, photograph, register
from tests.exhibit.pictures.test_metadata import exif
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def make_signed_picture(seed: int, **tags: str | bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(photograph(seed))).save(out, "JPEG", exif=exif(**tags))
    return out.getvalue()


def list_kinds(work: Work) -> set[str]:
    return set(work.remarks.values_list("kind", flat=True))


def test_metadata_fills_missing_fields_only_if_requested(inline: SyncRunner, studio: Owner) -> None:
    tags = {"Artist": "Ann Lee", "Copyright": "Copyright Ann Lee", "DateTimeOriginal": "2020:05:31 10:00:00"}
    first = register_work(inline.services, studio, make_signed_picture(1, **tags), NewWork(source_name="x/a.jpg")).work
    second = register_work(
        inline.services,
        studio,
        make_signed_picture(2, **tags),
        NewWork(DeclaredWork(rights_statement="Ours"), reads_metadata=True),
    ).work
    assert (first.title, first.author, first.metadata["author"]) == ("a", "", "Ann Lee")
    assert (second.author, second.created, second.rights_statement) == ("Ann Lee", "2020-05-31", "Ours")


def test_different_credit_causes_an_ownership_warning_that_can_be_answered(inline: SyncRunner, studio: Owner) -> None:
    data = make_signed_picture(1, Artist="Bo Chan", Copyright="(c) 2020 Bo Chan. All rights reserved")
    work = register_work(inline.services, studio, data, NewWork(DeclaredWork(title="A", author="Ann Lee"))).work
    remark = work.remarks.get()
    assert remark.details == {"stated": {"author": "Bo Chan", "rights": "(c) 2020 Bo Chan. All rights reserved"}}
    opening = LogOpening.objects.filter(content__what="ownership check").get()
    assert (opening.details or {})["found"] == {"credit": remark.details}
    with pytest.raises(InvalidRequestError):
        record_reply(remark, by="ann", reason="")
    record_reply(remark, by="ann", reason="We bought the rights in 2021.")
    edit_work(work, DeclaredWork(title="A", author="Ann Lee", credit="Ann"), by="ann")
    remark.refresh_from_db()
    assert (remark.reason, remark.answered_by) == ("We bought the rights in 2021.", "ann")


def test_undecodable_author_is_not_declared_or_compared(inline: SyncRunner, studio: Owner) -> None:
    data = with_iptc_of(photograph(1), dataset(80, "Łęcka".encode("cp1250")), dataset(116, b"Ours"))
    work = register_work(inline.services, studio, data, NewWork(DeclaredWork(author="Łęcka"))).work
    assert (work.metadata.get("author"), list_kinds(work)) == (None, {"credit"})
    assert work.remarks.get().details == {"stated": {"rights": "Ours"}}
    assert [problem["field"] for problem in work.metadata[PROBLEMS]] == ["author"]


def test_ownership_warning_disappears_and_returns_with_its_cause(inline: SyncRunner, studio: Owner) -> None:
    work = register_work(
        inline.services, studio, make_signed_picture(1, Artist="Bo Chan"), NewWork(DeclaredWork(title="A"))
    ).work
    assert list_kinds(work) == {"credit"}
    edit_work(work, DeclaredWork(title="A", author="Bo Chan"), by="ann")
    assert list_kinds(work) == set()
    edit_work(work, DeclaredWork(title="A", author="Ann Lee"), by="ann")
    assert list_kinds(work) == {"credit"}


@pytest.mark.parametrize(
    ("text", "names", "same"),
    [
        ("Photo: A. Lee / Studio Example", ["Ann Lee"], True),
        ("© 2020 ANN LEE. All rights reserved", ["Ann Lee"], True),
        ("Jürgen Müller", ["Jurgen Muller"], True),
        ("摄影：陈明", ["陈明"], True),
        ("© 2020", ["Ann Lee"], True),  # names nobody
        ("Ann Leeds", ["Ann Lee"], False),
        ("Bo Chan", ["Ann Lee", "Studio"], False),
        ("李华", ["陈明"], False),
        ("Bo Chan", [""], False),
    ],
)
def test_author_names_are_matched_in_common_spellings(text: str, names: list[str], same: bool) -> None:  # noqa: FBT001
    assert is_any_name(text, names) is same


def test_public_domain_warning_remains_until_answered(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    assert list_warnings(work) == {}
    edit_work(
        work, DeclaredWork(title="A", author="Monet", author_died=1926, rights_statement="Public domain"), by="ann"
    )
    assert list(list_warnings(Work.objects.get())) == ["term", "dedication"]
    countries = work.remarks.get(kind="term").details["countries"]
    assert "EU" in countries
    assert "US" not in countries  # no publication was entered
    for item in work.remarks.filter(kind__in=["term", "dedication"]):
        record_reply(item, by="ann", reason="Our own photograph of it; see the contract.")
    assert list_warnings(Work.objects.get()) == {}
    edit_work(work, DeclaredWork(title="A", author="Monet", author_died=1926, first_publication="1900"), by="ann")
    assert list(list_warnings(Work.objects.get())) == ["term"]  # now expired in the United States, too
    assert {item.status for item in assess_terms(Work.objects.get())} == {"over"}


def test_earlier_registration_by_other_owner_shows_only_its_date(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, owner("agency"), photograph(1))
    work = register(inline.services, studio, photograph(1)).work
    conflict = work.conflicts.get()
    assert conflict.kind == "same"
    assert not OwnershipRemark.objects.exists()
