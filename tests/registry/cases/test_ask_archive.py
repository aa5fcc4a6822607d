"""Test that a member can query a web archive for first captures, and that its answer is kept as a statement."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from evidence.facts.elsewhere import ArchiveAnswers
from evidence.formats.codec import from_plain, parse_json
from exhibit.digests import Digest
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from exhibit.network.addresses import host_of
from exhibit.types import SeenElsewhere, SeenKind
from registry.bundles import facts
from registry.bundles.facts import gather
from registry.cases import ask_archive, decisions
from registry.crawls.elsewhere import kept
from registry.matches.match import match_pictures
from registry.models import ArchiveQuestion, Case, LogSubmission, Sighting
from registry.retention.purge import purge, touched
from registry.services.services import Services
from tests.assets.captured import Archived, Kept, asked
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

COPY = copy_of(photograph(1))
LOOPBACK = ("127.0.0.0/8",)
INDEX = "/cdx/search/cdx"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def archive(site: Site) -> Archived:
    archive = Archived()
    archive.serve(site)
    return archive


@pytest.fixture
def services(inline: SyncRunner, site: Site, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(ask_archive, "SECONDS", 0.0)
    config = replace(inline.services.config, cocapture_networks=LOOPBACK, wayback_url=site.url(""))
    inline.services.config = config
    return inline.services


@pytest.fixture
def case(services: Services) -> Case:
    """A confirmed case with one page."""
    studio = owner("studio")
    register(services, studio, photograph(1))
    planned, epoch = claimed_slice(studio)
    match_pictures(services, bring(services, planned, epoch, [COPY], host="127.0.0.1"))
    case = studio.cases.get()
    decisions.confirm(services, case, by="Ann", reason="A copy.")
    case.refresh_from_db()
    return case


PAGE, IMAGE = "http://127.0.0.1/page-0", "http://127.0.0.1/image-0.jpg"


def answered(services: Services, case: Case) -> ArchiveQuestion:
    (row,) = ask_archive.ask(services, case, by="Ann")
    ask_archive.answer_questions(services, [row.pk])
    row.refresh_from_db()
    return row


@pytest.mark.long
def test_each_capture_is_kept_as_the_word_of_the_archive(
    services: Services, case: Case, site: Site, archive: Archived
) -> None:
    smaller = copy_of(COPY)
    archive.kept += [
        Kept(PAGE, "20190303101500", b"<img>", "text/html"),
        Kept(PAGE, "20180101000000", b"", status="301"),
    ]
    archive.kept += [Kept(IMAGE, "20190303101502", smaller), Kept(IMAGE, "20260101000000", COPY)]
    row = answered(services, case)
    where, by = site.url("").rstrip("/"), {"kind": "archive-captured", "by": host_of(site.url(""))}
    picture = by | {"of": "picture"}
    assert row.state == "done"
    assert row.elsewhere == [
        by | {"of": "page", "stated": "2019-03-03T10:15:00Z", "where": f"{where}/web/20190303101500/{PAGE}"},
        picture | {"stated": "2019-03-03T10:15:02Z", "where": f"{where}/web/20190303101502/{IMAGE}", "same": False},
        picture | {"stated": "2026-01-01T00:00:00Z", "where": f"{where}/web/20260101000000/{IMAGE}", "same": True},
    ]
    files = {file["role"]: services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files}
    told = from_plain(ArchiveAnswers, parse_json(files["archive-answers"], what="it"), where="it")
    assert [answer.body for answer in told.answers] == [one.body for one in told.answers if one.body]
    assert {answer.asked.partition("?")[0] for answer in told.answers} == {f"{where}{INDEX}"}
    assert files["archived-picture"] == smaller
    assert [one.path for one in asked(site, "/web/")] == [f"/web/20190303101502id_/{IMAGE}"]
    assert Sighting.objects.get().elsewhere == []
    log = LogSubmission.objects.filter(type="case", opening__content__what="captured")
    assert row.files[0]["digest"] in str(log.values_list("opening__details", flat=True).last())


@pytest.mark.long
def test_that_it_has_none_is_kept_with_the_time(services: Services, case: Case, archive: Archived) -> None:
    row = answered(services, case)
    assert [(one["of"], one.get("stated")) for one in row.elsewhere] == [("page", None), ("picture", None)]
    assert row.answered_at is not None
    assert [file["role"] for file in row.files] == ["archive-answers"]


@pytest.mark.long
def test_one_that_asks_for_patience_is_asked_later_and_any_other_answer_is_told(
    services: Services, case: Case, archive: Archived
) -> None:
    archive.answer = lambda _: Answer(b"", status=429, headers=(("Retry-After", "90"),))
    row = answered(services, case)
    assert (row.state, row.put_off, row.elsewhere) == ("todo", True, [])
    assert "later" in row.error
    for odd in (Answer(b"<html>busy", "text/html"), Answer(b"x" * 30_000, "text/plain"), Answer(b"", status=500)):
        archive.answer = lambda _, odd=odd: odd  # type: ignore[misc]
        ArchiveQuestion.objects.update(state="todo", not_before=None, attempts=99)
        ask_archive.answer_questions(services, [row.pk])
        row.refresh_from_db()
        assert (row.state, row.elsewhere, row.files) == ("failed", [], []), odd
        assert row.error


@pytest.mark.long
def test_nothing_is_asked_of_a_case_that_no_person_has_confirmed_or_of_private_addresses(
    services: Services, case: Case, site: Site, archive: Archived
) -> None:
    usual = {"decision": "confirmed", "waits": False, "demonstration": False}
    for other in ({"decision": "open"}, {"waits": True}, {"demonstration": True}):
        Case.objects.update(**usual | other)
        with pytest.raises(ConflictError):
            ask_archive.ask(services, Case.objects.get(), by="Ann")
    Case.objects.update(**usual)
    Sighting.objects.update(private_to=case.owner)
    with pytest.raises(NotFoundError):
        ask_archive.ask(services, Case.objects.get(), by="Ann")
    Sighting.objects.update(private_to=None)
    services.config = replace(services.config, cocapture_networks=())
    with pytest.raises(NotFoundError):
        ask_archive.ask(services, Case.objects.get(), by="Ann")
    services.config = replace(services.config, wayback_url="")
    with pytest.raises(WrongUseError):
        ask_archive.ask(services, Case.objects.get(), by="Ann")
    assert site.seen == []
    assert not ArchiveQuestion.objects.exists()


@pytest.mark.long
def test_a_picture_that_is_purged_goes_with_what_the_archive_served(
    services: Services, case: Case, archive: Archived
) -> None:
    smaller = copy_of(COPY)
    archive.kept += [Kept(IMAGE, "20190303101502", smaller)]
    answered(services, case)
    digest = Digest.of(COPY)
    assert Digest.of(smaller) in {one.digest for one in touched(services, digest)}
    purge(services, digest, by="operator", reason="illegal")
    assert Digest.of(smaller) not in services.blobs


@pytest.mark.long
def test_what_others_state_is_among_the_facts_apart_from_what_was_seen(
    services: Services, case: Case, site: Site, archive: Archived
) -> None:
    archive.kept += [Kept(IMAGE, "20190303101502", COPY)]
    row = answered(services, case)
    told = SeenElsewhere(kind=SeenKind.PAGE_PUBLISHED, of="page", stated="2018-05-01")
    Sighting.objects.update(elsewhere=kept([told]))
    gathered = gather(services, Case.objects.get(), bundle=1, language="en", sealed=True)
    [sighting] = gathered.facts.sightings
    assert [(one.kind, one.of, one.stated, one.same) for one in sighting.elsewhere] == [
        ("page-published", "page", "2018-05-01", None),
        ("archive-captured", "picture", "2019-03-03T10:15:02Z", True),
        ("archive-captured", "page", "", None),
    ]
    assert sighting.first_seen == Sighting.objects.get().first_seen
    assert sighting.elsewhere[0].where == PAGE
    [file] = [one for one in gathered.files if one.role == "archive-answers"]
    assert {one.file for one in sighting.elsewhere} == {"", file.path}
    assert file.digest.hex == row.files[0]["digest"]
    [place] = ask_archive.asked_about(services, case)
    assert facts.answered(case, place) == [row]
    place.first.picture_id += 1  # a URL shows another image later: the answer was about the first one
    assert facts.answered(case, place) == []
