"""Test notices from draft to signature: required contents, obstacles, and who signed what."""

import io
import re
from datetime import timedelta

import pytest
from pypdf import PdfReader

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError
from registry.matches.match import match_pictures
from registry.models import (
    Capture,
    Case,
    Licence,
    LogOpening,
    Notice,
    Owner,
    Picture,
    PictureReport,
    RegistrationConflict,
    Sighting,
    Work,
)
from registry.notices import addressees, notices, wording
from registry.notices.checker import list_gap_sentences, list_unregistered_in_us
from registry.notices.claim_check import check_cases
from registry.notices.contents import QUESTIONS, build_items, build_letter, split_letter
from registry.notices.signing import compute_letter_digest, load_file, sign_draft
from registry.works.licences import NewLicence, add_licences
from registry.works.ownership import record_remarks, record_reply
from tests.assets.notice_drafts import (
    ANSWERS,
    answer_open_points,
    create_draft,
    missing_fields,
    read_captured_pages,
    sign_notice,
)
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_dmca_notice_contains_all_six_elements_for_each_case(studio: Owner) -> None:
    text = build_letter(create_draft(studio)).text
    for element in (
        "____________________ (not signed)",
        "Ann Example, ",
        "Work: Two parrots",
        "Work: A harbour",
        "Page URL: http://shop.example/page-0",
        "Image URL: http://shop.example/image-1.jpg",
        "Address: 1 Harbour Road, Kiel",
        "Telephone: +49 431 0000",
        "Email: ann@example.org",
        "not authorized by the copyright owner, its agent, or the law",
        "Under penalty of perjury",
        "Copyright Agent",
    ):
        assert element in text
    assert "{" not in text
    for forbidden_word in ("infringes", "stolen", "certified", "proves", "admissible"):
        assert forbidden_word not in text


@pytest.mark.parametrize(
    ("kind", "language", "element"),
    [
        ("dsa", "en", "bona fide belief that the information and allegations"),
        ("dsa", "en", "No licence for this work had been entered by"),
        ("prc", "zh-Hans", "第一千一百九十五条"),
        ("prc", "zh-Hans", "初步证据"),
        ("prc", "zh-Hans", "联系电话：+49 431 0000"),
        ("offer", "en", "we offer a licence for the uses listed: EUR 200"),
        ("offer", "zh-Hans", "EUR 200"),
    ],
)
def test_notice_contains_the_required_elements_of_its_kind(
    studio: Owner, kind: str, language: str, element: str
) -> None:
    row = create_draft(studio, kind, language)
    notices.save_fields(row, {"fee": "EUR 200"}, ["fee"])
    text = build_letter(notices.get_notice(studio, row.number)).text
    assert element in text
    assert "{" not in text
    assert "侵权成立" not in text


def test_incomplete_notice_is_not_signed(studio: Owner, inline: SyncRunner) -> None:
    row = notices.create_draft(studio, (1, 2), "dmca", "en", by="ann@example.org")
    assert {"addressee_name", "case-2"} <= set(missing_fields(row))
    with pytest.raises(InvalidRequestError):
        sign_draft(
            inline.services,
            row,
            typed_name="Ann Example",
            shown_digest=compute_letter_digest(build_letter(row)),
            by="ann@example.org",
        )
    row = create_draft(studio)
    for name in QUESTIONS:
        notices.save_considerations(row, 1, {**ANSWERS, name: ""})
        assert missing_fields(row) == ["case-1"]
    notices.save_considerations(row, 1, {**ANSWERS, "purpose": "comment"})
    assert missing_fields(row) == ["case-1"]
    notices.save_considerations(row, 1, {**ANSWERS, "purpose": "comment", "words": "An advertisement, no review."})
    assert list_gap_sentences(row, build_items(row)) == []


def test_draft_has_blank_signature_line_and_signed_notice_a_signature(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    draft = build_letter(row)
    assert "/s/" not in draft.full_text
    row = sign_notice(inline, row)
    stored_file = load_file(inline.services, row, "notice.txt")
    assert stored_file is not None
    assert "/s/ Ann Example\nAnn Example, owner\n" in stored_file[0].decode()
    text, draft_text = stored_file[0].decode(), draft.full_text
    assert text.split("/s/")[0] == draft_text.split("____")[0]


@pytest.mark.parametrize(
    ("kind", "language"), [("dsa", "en"), ("offer", "en"), ("prc", "zh-Hans"), ("offer", "zh-Hans")]
)
def test_draft_does_not_look_signed(studio: Owner, kind: str, language: str) -> None:
    text = build_letter(create_draft(studio, kind, language)).full_text
    assert "____________________" in text
    assert not any(phrase in text for phrase in ("Signed electronically", "电子签署", "/s/"))


def test_notice_states_if_no_licences_were_entered(studio: Owner) -> None:
    row = create_draft(studio, "dsa")
    no_licences_text = wording.load_shipped_wording("dsa", "en").phrases["licences_none"].partition("{day}")[0]
    text = build_letter(row).text
    assert text.count(no_licences_text) == 2
    harbour = Case.objects.get(number=2).work
    Licence.objects.create(owner=studio, number=1, licensee="Acme", domain="other.example").works.set([harbour])
    text = build_letter(notices.get_notice(studio, row.number)).text
    assert text.count(no_licences_text) == 1


@pytest.mark.long
def test_ownership_warnings_are_answered_before_signing_and_logged(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    case = Case.objects.get(number=1)
    type(case.work).objects.filter(pk=case.work_id).update(metadata={"author": "Somebody Else"}, author="Ann Example")
    earlier = register(inline.services, owner("agency"), photograph(7)).work
    about = {"kind": "same", "earlier_registered_at": now()}
    RegistrationConflict.objects.create(work=case.work, earlier=earlier, **about)
    case = Case.objects.get(number=1)
    points = check_cases([case])[1].points
    assert [point.kind for point in points] == ["credit", "earlier"]
    with pytest.raises(InvalidRequestError, match="2"):
        sign_notice(inline, row)
    answer_open_points(studio, "An agency of ours.")
    sign_notice(inline, row)
    details = LogOpening.objects.filter(details__notice=row.number, details__case=1).get().details
    assert details is not None
    assert [(claim["point"], claim["words"], claim["by"]) for claim in details["claims"]] == [
        ("credit", "An agency of ours.", "ann"),
        ("earlier", "An agency of ours.", "ann"),
    ]
    (remark,) = record_remarks(type(case.work).objects.get(pk=case.work_id))
    record_reply(remark, by="Ann", reason="A mix-up of names.")
    assert [point.kind for point in check_cases([Case.objects.get(number=1)])[1].points] == ["earlier"]


@pytest.mark.long
def test_changed_notice_or_wrong_name_is_not_signed(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    mark = compute_letter_digest(build_letter(row))
    notices.save_fields(row, {"further": "One more thing."}, ["further"])
    row = notices.get_notice(studio, row.number)
    with pytest.raises(InvalidRequestError):
        sign_draft(inline.services, row, typed_name="Ann Example", shown_digest=mark, by="ann@example.org")
    with pytest.raises(InvalidRequestError):
        sign_draft(
            inline.services,
            row,
            typed_name="Bob",
            shown_digest=compute_letter_digest(build_letter(row)),
            by="ann@example.org",
        )
    assert row.files == []
    row = sign_notice(inline, row)
    with pytest.raises(InvalidRequestError):
        notices.save_fields(row, {"further": "x"}, ["further"])


@pytest.mark.long
def test_signed_files_are_stored_unchanged_and_logged_for_each_case(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    text, pdf = load_file(inline.services, row, "notice.txt"), load_file(inline.services, row, "notice.pdf")
    assert text is not None
    assert pdf is not None
    assert "One more" not in text[0].decode()
    assert Digest.from_bytes(text[0]) == row.text
    assert "Ann Example" in "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf[0])).pages)
    openings = [opening for opening in LogOpening.objects.all() if opening.content.get("what") == "notice signed"]
    assert len(openings) == 2
    for opening in openings:
        assert opening.details is not None
        assert opening.details["files"] == [{"digest": file["digest"], "name": file["name"]} for file in row.files]
        assert opening.details["considered"]["market"] == "replaces"
        assert "ann" not in str(opening.content)
    assert Case.objects.get(number=1).events.filter(kind="notice").count() == 1
    assert openings[0].submission.type == EntryType.CASE


def test_notice_accepts_confirmed_cases_of_one_site_only(studio: Owner, inline: SyncRunner) -> None:
    Case.objects.filter(number=2).update(party="other.example")
    with pytest.raises(InvalidRequestError):
        notices.create_draft(studio, (1, 2), "dmca", "en", by="Ann")
    Case.objects.filter(number=1).update(decision="open")
    with pytest.raises(InvalidRequestError, match="1"):
        notices.create_draft(studio, (1,), "dmca", "en", by="Ann")
    with pytest.raises(InvalidRequestError):
        notices.create_draft(owner("agency"), (2,), "dmca", "en", by="Ann")


def test_missing_page_is_not_listed(studio: Owner) -> None:
    row = create_draft(studio, "offer", "en", 1)
    Capture.objects.filter(case__number=1).update(state="done", outcome="page-gone", finished_at=now())
    assert "Page:" not in build_letter(row).text
    assert missing_fields(row) == ["case-1"]


@pytest.mark.long
def test_public_domain_work_blocks_signing_until_answered(studio: Owner, inline: SyncRunner) -> None:
    work = Case.objects.get(number=1).work
    work.author_died, work.first_publication = 1900, "1890"
    work.save()
    row = create_draft(studio)
    with pytest.raises(InvalidRequestError, match="1"):
        sign_notice(inline, row)
    answer_open_points(studio, "The dates are those of another artist of this name.")
    assert sign_notice(inline, row).state == "signed"


def test_licensed_page_is_not_listed(studio: Owner) -> None:
    row = create_draft(studio, "dsa")
    add_licences(studio, [NewLicence("The shop", domain="shop.example", url_pattern="*/page-0")])
    text = build_letter(row).text
    assert "page-1" in text
    assert "page-0" not in text
    assert f"{now():%-d %B %Y}" in text
    assert missing_fields(row) == ["case-1"]


def test_page_last_seen_after_licence_expiry_is_listed(studio: Owner, inline: SyncRunner) -> None:
    today = now().date()
    add_licences(studio, [NewLicence("The shop", domain="shop.example", valid_until=today)])
    row = create_draft(studio, "dsa", "en", 1)
    assert "page-0" not in build_letter(row).text
    crawl_slice, epoch = claim_new_slice(studio, "later")
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))]))
    first, later = Sighting.objects.filter(page_url="http://shop.example/page-0").order_by("pk")
    Sighting.objects.filter(pk=first.pk).update(first_seen=now() - timedelta(days=9))
    Sighting.objects.filter(pk=later.pk).update(last_seen=now() + timedelta(days=2))
    text = build_letter(row).text
    assert text.count("Page URL: http://shop.example/page-0") == 1
    begun_on, ended_on = (f"{day:%-d %B %Y}" for day in (today - timedelta(days=9), today + timedelta(days=2)))
    assert re.search(f"{begun_on} \\d\\d:\\d\\d.*{ended_on}", text)


def test_notice_states_that_pictures_are_shown_only_if_they_exist(studio: Owner) -> None:
    row, phrase = create_draft(studio, "dsa"), wording.load_shipped_wording("dsa", "en").phrases
    assert phrase["shown_all"] in build_letter(row).text
    case_sighting = Case.objects.get(number=1).case_sightings.get()
    Picture.objects.filter(pk=case_sighting.match.found_id).update(bytes_state="purged")
    assert phrase["shown_some"].format(n=1, count=2) in build_letter(row).text
    PictureReport.objects.create(
        owner=studio,
        picture=Case.objects.get(number=2).case_sightings.get().match.found,
        case=Case.objects.get(number=2),
        reported_by="Ann",
        reason="x",
        reported_at=now(),
    )
    assert not any(phrase["shown_some"].format(n=n, count=2) in build_letter(row).text for n in (0, 1, 2))


def test_notice_names_a_different_rights_holder(studio: Owner) -> None:
    Work.objects.filter(number=1).update(holder="Bea Holder")
    assert "著作权人（权利人声明）：Bea Holder" in build_letter(create_draft(studio, "prc", "zh-Hans")).text
    text = build_letter(create_draft(studio, "dsa")).text
    assert text.count("Bea Holder") == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sender_email": "ann@example.org\nBcc: all@example.org"}, "is not an email address"),
        ({"addressee_email": "agent at shop.example"}, "“agent at shop.example” is not an email address"),
    ],
)
def test_notice_with_invalid_email_address_is_incomplete(studio: Owner, fields: dict[str, str], message: str) -> None:
    row = create_draft(studio)
    notices.save_fields(row, fields, fields)
    (missing,) = list_gap_sentences(row, build_items(row))
    assert message in missing


def test_notice_changed_concurrently_is_not_signed(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    mark = compute_letter_digest(build_letter(row))
    notices.save_fields(
        notices.get_notice(studio, row.number), {"addressee_email": "other@shop.example"}, ["addressee_email"]
    )
    with pytest.raises(InvalidRequestError):  # although this row was loaded before the change
        sign_draft(inline.services, row, typed_name="Ann Example", shown_digest=mark, by="ann@example.org")


def test_parts_of_a_long_notice_form_the_notice() -> None:
    text = "\n\n".join(f"{n}. " + "a line\n" * 400 for n in range(40))
    parts = split_letter(text)
    assert len(parts) > 2
    assert max(map(len, parts)) <= 30_000
    assert "".join(parts) == text
    assert split_letter("one\n\ntwo") == ["one\n\ntwo"]


def test_works_without_us_registration_are_listed(studio: Owner) -> None:
    work = Case.objects.get(number=1).work
    for office, unregistered in (("U.S. Copyright Office", [2]), ("United Kingdom IPO", [1, 2])):
        work.registrations = [{"office": office, "number": "VA 1", "date": ""}]
        work.save()
        assert list_unregistered_in_us(build_items(create_draft(studio))) == unregistered


def test_custom_wording_is_used_and_invalid_wording_rejected(studio: Owner) -> None:
    base = wording.load_shipped_wording("dmca", "en")
    texts = {"subject": base.subject, "body": base.body, "item": base.item}
    for changed, message in (
        ({"body": base.body.replace("{good_faith}", "")}, "does not contain {good_faith}"),
        ({"body": base.body + "{ownr}"}, "Did you mean {owner}"),
        ({"body": base.body + " } "}, "unmatched brace"),
        ({"item": "{title}"}, "does not contain {places}"),
        ({"subject": "a\nb"}, "more than one line"),
        ({"body": base.body + "{owner.pk}"}, "{owner.pk} does not exist"),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            wording.save_wording(studio, "dmca", "en", {**texts, **changed}, by="Ann")
        assert message in str(caught.value)
    wording.save_wording(studio, "dmca", "en", {**texts, "body": "Hello {party},\r\n\r\n" + base.body}, by="Ann")
    assert build_letter(create_draft(studio)).text.startswith("Hello shop.example,\n")
    wording.restore_shipped_wording(studio, "dmca", "en", by="Ann")
    assert build_letter(create_draft(studio)).text.startswith("To: Copyright Agent")


def test_addressees_are_proposed_from_captured_pages_and_platform_table(studio: Owner, inline: SyncRunner) -> None:
    page = b'<a href="mailto:info@agency.example">x</a> <a href="mailto:copyright@shop.example?subject=a">y</a> a@b.png'
    file = {
        "role": "page",
        "name": "page.html",
        "media_type": "text/html",
        "digest": inline.services.blobs.put(page).hex,
    }
    Capture.objects.update(state="done", files=[{**file, "size": len(page)}], finished_at=now())
    read_captured_pages(inline)
    row = create_draft(studio)
    proposals = addressees.propose_addressees(row)
    assert [(proposal.kind, proposal.email) for proposal in proposals] == [
        ("page", "copyright@shop.example"),
        ("page", "info@agency.example"),
        ("office", ""),
    ]
    assert proposals[0].source.startswith("http://shop.example/page-")
    Notice.objects.update(party="taobao.com", kind="prc")
    (first_proposal, *_) = addressees.propose_addressees(notices.get_notice(studio, row.number))
    assert (first_proposal.kind, first_proposal.email, first_proposal.first_hand) == (
        "table",
        "ipr@alibaba-inc.com",
        True,
    )
    assert first_proposal.day is not None
