"""Notices from a draft to what became of them: what each must hold, who signed what, what left, and what is due."""

import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.core import mail
from pypdf import PdfReader
from pytest_django import Settings

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import WrongUseError
from registry import notices
from registry.models import Capture, Case, LogOpening, Notice, NoticeMail, Owner
from registry.notices import business_day, due_after, months_later
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.inline import Inline
from workers.notices import addressees, wording
from workers.notices.contents import QUESTIONS, gaps, items_of, letter, us_unregistered
from workers.notices.signing import file_of, read_mark, send_by_mail, sign
from workers.steps.decide import confirm
from workers.steps.match import match_pictures
from workers.steps.notice import send_notices

SENDER = {
    "addressee_name": "Copyright Agent",
    "addressee_email": "agent@shop.example",
    "sender_name": "Ann Example",
    "sender_capacity": "owner",
    "sender_address": "1 Harbour Road, Kiel",
    "sender_telephone": "+49 431 0000",
    "sender_email": "ann@example.org",
}
ANSWERS = {"purpose": "commercial", "nature": "creative", "amount": "whole", "market": "replaces", "words": ""}


@pytest.fixture
def studio(inline: Inline) -> Owner:
    """An owner with two works, each with a confirmed case of shop.example."""
    mail_by(inline, "smtp://localhost")
    made = owner("studio")
    for seed, title in ((1, "Two parrots"), (2, "A harbour")):
        register(inline.house, made, photograph(seed), title)
    planned, epoch = claimed_slice(made)
    copies = [copy_of(photograph(1)), copy_of(photograph(2))]
    match_pictures(inline.house, bring(inline.house, planned, epoch, copies))
    for case in Case.objects.all():
        confirm(inline.house, case, by="Ann", reason="No order.")
    return made


def mail_by(inline: Inline, url: str) -> None:
    inline.house.config = replace(inline.house.config, mail_url=url)


def begun(of: Owner, kind: str = "dmca", language: str = "en", *cases: int) -> Notice:
    row = notices.draft(of, cases or (1, 2), kind, language, by="ann@example.org")
    notices.fill(row, SENDER, SENDER)
    for case in cases or (1, 2):
        notices.consider(row, case, ANSWERS, "")
    return notices.notice(of, row.number)


def signed(inline: Inline, row: Notice) -> Notice:
    sign(inline.house, row, typed="ann  example", read=read_mark(letter(row)), by="ann@example.org")
    return notices.notice(row.owner, row.number)


def test_a_dmca_notice_holds_all_six_elements_for_each_case(studio: Owner) -> None:
    text = letter(begun(studio)).text
    for element in (
        "/s/ Ann Example",
        "Work: Two parrots",
        "Work: A harbour",
        "Page: http://shop.example/page-0",
        "Picture: http://shop.example/image-1.jpg",
        "Address: 1 Harbour Road, Kiel",
        "Telephone: +49 431 0000",
        "Email: ann@example.org",
        "not authorized by the copyright owner, its agent, or the law",
        "Under penalty of perjury",
        "Copyright Agent",
    ):
        assert element in text
    assert "{" not in text
    for never in ("infringes", "stolen", "certified", "proves", "admissible"):
        assert never not in text


@pytest.mark.parametrize(
    ("kind", "language", "element"),
    [
        ("dsa", "en", "bona fide belief that the information and allegations"),
        ("dsa", "en", "licences, searched on"),
        ("prc", "zh-Hans", "第一千一百九十五条"),
        ("prc", "zh-Hans", "初步证据"),
        ("prc", "zh-Hans", "联系电话：+49 431 0000"),
        ("offer", "en", "we offer a licence for the uses listed: EUR 200"),
        ("offer", "zh-Hans", "EUR 200"),
    ],
)
def test_each_kind_says_what_it_must(studio: Owner, kind: str, language: str, element: str) -> None:
    row = begun(studio, kind, language)
    notices.fill(row, {"fee": "EUR 200"}, ["fee"])
    text = letter(notices.notice(studio, row.number)).text
    assert element in text
    assert "{" not in text
    assert "侵权成立" not in text


def test_what_is_missing_is_said_and_nothing_is_signed_before_it_is_there(studio: Owner, inline: Inline) -> None:
    row = notices.draft(studio, (1, 2), "dmca", "en", by="ann@example.org")
    missing = gaps(row, items_of(row))
    assert "Name the addressee." in missing
    assert "Case 2: answer all four questions about fair use." in missing
    with pytest.raises(WrongUseError, match="Name the addressee"):
        sign(inline.house, row, typed="Ann Example", read=read_mark(letter(row)), by="ann@example.org")
    row = begun(studio)
    for name in QUESTIONS:
        notices.consider(row, 1, {**ANSWERS, name: ""}, "")
        assert gaps(row, items_of(row)) == ["Case 1: answer all four questions about fair use."]
    notices.consider(row, 1, {**ANSWERS, "purpose": "comment"}, "")
    assert "may speak for fair use" in gaps(row, items_of(row))[0]
    notices.consider(row, 1, {**ANSWERS, "purpose": "comment", "words": "An advertisement, no review."}, "")
    assert gaps(row, items_of(row)) == []


def test_only_what_was_read_is_signed_with_the_name_that_stands_in_it(studio: Owner, inline: Inline) -> None:
    row = begun(studio)
    read = read_mark(letter(row))
    notices.fill(row, {"further": "One more thing."}, ["further"])
    row = notices.notice(studio, row.number)
    with pytest.raises(WrongUseError, match="has changed since"):
        sign(inline.house, row, typed="Ann Example", read=read, by="ann@example.org")
    with pytest.raises(WrongUseError, match="typed name"):
        sign(inline.house, row, typed="Bob", read=read_mark(letter(row)), by="ann@example.org")
    assert row.files == []
    row = signed(inline, row)
    with pytest.raises(WrongUseError, match="can't be changed"):
        notices.fill(row, {"further": "x"}, ["further"])


def test_what_is_signed_is_kept_byte_by_byte_and_logged_for_each_case(studio: Owner, inline: Inline) -> None:
    row = signed(inline, begun(studio))
    text, pdf = file_of(inline.house, row, "notice.txt"), file_of(inline.house, row, "notice.pdf")
    assert text is not None
    assert pdf is not None
    assert "One more" not in text[0].decode()
    assert Digest.of(text[0]) == row.text
    shown = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf[0])).pages)
    assert "penalty of perjury" in shown
    told = [one for one in LogOpening.objects.all() if one.content.get("what") == "notice signed"]
    assert len(told) == 2
    for one in told:
        assert one.details is not None
        assert one.details["files"] == [{"digest": each["digest"], "name": each["name"]} for each in row.files]
        assert one.details["considered"]["market"] == "replaces"
        assert "ann" not in str(one.content)
    assert Case.objects.get(number=1).events.filter(kind="notice").count() == 1
    assert told[0].submission.type == EntryType.CASE


def test_a_mail_leaves_once_with_the_signed_bytes(studio: Owner, inline: Inline, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    row = signed(inline, begun(studio))
    first = send_by_mail(inline.house, row, by="ann@example.org")
    assert send_by_mail(inline.house, row, by="ann@example.org") == first
    send_notices(inline.house, [first.pk])
    send_notices(inline.house, [first.pk])
    (sent,) = mail.outbox
    assert (sent.to, sent.reply_to) == (["agent@shop.example"], ["ann@example.org"])
    text = file_of(inline.house, row, "notice.txt")
    assert text is not None
    assert f"{sent.subject}\n\n{sent.body}".encode() == text[0]
    row = notices.notice(studio, row.number)
    assert (row.state, row.due_what) == ("sent", "reminder")
    eml = file_of(inline.house, row, "mail.eml")
    assert eml is not None
    assert first.message_id.encode() in eml[0]


def test_what_a_person_has_sent_meanwhile_does_not_leave_again(
    studio: Owner, inline: Inline, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    row = signed(inline, begun(studio))
    made = send_by_mail(inline.house, row, by="ann@example.org")
    with pytest.raises(WrongUseError, match="can't be taken back"):
        notices.take_back(row, by="Ann")
    notices.keep_sent(row, "by hand", by="Ann")
    send_notices(inline.house, [made.pk])
    assert mail.outbox == []
    assert NoticeMail.objects.get().state == "done"


def test_an_address_that_is_refused_is_given_up_and_the_signature_can_be_taken_back(
    studio: Owner, inline: Inline
) -> None:
    row = signed(inline, begun(studio))
    send_by_mail(inline.house, row, by="ann@example.org")
    NoticeMail.objects.update(state="failed")
    notices.take_back(row, by="Ann")
    row = notices.notice(studio, row.number)
    assert (row.state, row.files, NoticeMail.objects.exists()) == ("draft", [], False)
    assert signed(inline, row).state == "signed"


def test_a_server_that_does_not_take_the_mail_leaves_it_waiting(
    studio: Owner, inline: Inline, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    row = signed(inline, begun(studio))
    made = send_by_mail(inline.house, row, by="ann@example.org")
    send_notices(inline.house, [made.pk])
    waiting = NoticeMail.objects.get()
    assert (waiting.state, notices.notice(studio, 1).state) == ("todo", "signed")
    assert "didn't take it" in waiting.error


def test_without_a_mail_server_nothing_is_said_to_be_sent(studio: Owner, inline: Inline) -> None:
    mail_by(inline, "")
    row = signed(inline, begun(studio))
    with pytest.raises(WrongUseError, match="No mail server"):
        send_by_mail(inline.house, row, by="ann@example.org")
    notices.keep_sent(row, "by hand", by="ann@example.org")
    assert notices.notice(studio, row.number).state == "sent"


def test_a_counter_notice_pauses_the_cases_until_it_is_resolved(studio: Owner, inline: Inline) -> None:
    row = signed(inline, begun(studio))
    notices.keep_sent(row, "by hand", by="Ann")
    today = now().date()
    notices.happened(row, "countered", today, "By mail.", by="Ann")
    row, case = notices.notice(studio, row.number), Case.objects.get(number=1)
    assert (row.due_on, row.due_what) == (business_day(today, 10), "dmca-counter")
    assert notices.pausing(case) == row
    with pytest.raises(WrongUseError, match="Case 1 is paused"):
        notices.draft(studio, (1,), "offer", "en", by="Ann")
    notices.happened(row, "resolved", today, "", by="Ann")
    assert notices.pausing(case) is None
    assert notices.draft(studio, (1,), "offer", "en", by="Ann").number == 2
    with pytest.raises(WrongUseError, match="in the future"):
        notices.happened(row, "removed", today + timedelta(days=9), "", by="Ann")


def test_terms_are_counted_from_the_day_that_a_person_names() -> None:
    friday = date(2026, 11, 20)
    assert business_day(friday, 10) == date(2026, 12, 4)
    assert months_later(date(2026, 8, 31), 6) == date(2027, 2, 28)
    due = {
        ("prc", "countered"): (date(2026, 12, 5), "prc-statement"),
        ("dsa", "answered"): (date(2027, 5, 20), "dsa-complaint"),
        ("dmca", "countered"): (date(2026, 12, 4), "dmca-counter"),
    }
    for (kind, what), expected in due.items():
        found = due_after(kind, what, friday)
        assert found is not None
        assert (found.day, found.what) == expected
    assert due_after("dmca", "removed", friday) is None


def test_a_notice_takes_confirmed_cases_of_one_party_only(studio: Owner, inline: Inline) -> None:
    Case.objects.filter(number=2).update(party="other.example")
    with pytest.raises(WrongUseError, match="one party"):
        notices.draft(studio, (1, 2), "dmca", "en", by="Ann")
    Case.objects.filter(number=1).update(decision="open")
    with pytest.raises(WrongUseError, match="isn't confirmed"):
        notices.draft(studio, (1,), "dmca", "en", by="Ann")
    with pytest.raises(WrongUseError, match="No case"):
        notices.draft(owner("agency"), (2,), "dmca", "en", by="Ann")


def test_a_place_that_was_found_gone_is_not_listed(studio: Owner) -> None:
    row = begun(studio, "offer", "en", 1)
    Capture.objects.filter(case__number=1).update(state="done", outcome="page-gone", finished_at=now())
    assert "Page:" not in letter(row).text
    assert gaps(row, items_of(row)) == ["Case 1: the last visits found the picture gone at every place."]


def test_a_work_whose_term_is_over_stops_a_notice_until_somebody_says_why(studio: Owner) -> None:
    work = Case.objects.get(number=1).work
    work.author_died, work.first_publication = 1900, "1890"
    work.save()
    row = begun(studio)
    assert gaps(row, items_of(row)) == [
        "Case 1: the work's term is over on the dates entered. Write why the notice is sent."
    ]
    notices.consider(row, 1, ANSWERS, "The dates are those of another artist of this name.")
    assert gaps(row, items_of(row)) == []


def test_works_without_a_registration_in_the_united_states_are_named(studio: Owner) -> None:
    work = Case.objects.get(number=1).work
    work.registrations = [{"office": "U.S. Copyright Office", "number": "VA 1", "date": ""}]
    work.save()
    assert us_unregistered(items_of(begun(studio))) == [2]


def test_an_own_wording_is_used_and_a_broken_one_is_refused(studio: Owner) -> None:
    base = wording.shipped("dmca", "en")
    texts = {"subject": base.subject, "body": base.body, "item": base.item}
    for changed, said in (
        ({"body": base.body.replace("{good_faith}", "")}, "{good_faith} is missing"),
        ({"body": base.body + "{ownr}"}, "Did you mean {owner}"),
        ({"body": base.body + " } "}, "has no partner"),
        ({"item": "{title}"}, "{places} is missing"),
        ({"subject": "a\nb"}, "more than one line"),
        ({"body": base.body + "{owner.pk}"}, "There is no {owner.pk}"),
    ):
        with pytest.raises(WrongUseError) as caught:
            wording.keep(studio, "dmca", "en", {**texts, **changed}, by="Ann")
        assert said in str(caught.value)
    wording.keep(studio, "dmca", "en", {**texts, "body": "Hello {party},\r\n\r\n" + base.body}, by="Ann")
    assert letter(begun(studio)).text.startswith("Hello shop.example,\n")
    wording.restore(studio, "dmca", "en", by="Ann")
    assert letter(begun(studio)).text.startswith("To: Copyright Agent")


def test_addressees_are_proposed_and_a_guess_is_called_one(studio: Owner, inline: Inline) -> None:
    page = b'<a href="mailto:info@agency.example">x</a> <a href="mailto:copyright@shop.example?subject=a">y</a> a@b.png'
    file = {"role": "page", "name": "page.html", "media_type": "text/html", "digest": inline.house.blobs.put(page).hex}
    Capture.objects.update(state="done", files=[{**file, "size": len(page)}], finished_at=now())
    row = begun(studio)
    found = addressees.proposals(inline.house, row)
    assert [(one.kind, one.email, one.guess) for one in found] == [
        ("page", "copyright@shop.example", True),
        ("page", "info@agency.example", True),
        ("office", "", False),
    ]
    assert found[0].source.startswith("http://shop.example/page-")
    Notice.objects.update(party="taobao.com", kind="prc")
    (known, *_) = addressees.proposals(inline.house, notices.notice(studio, row.number))
    assert (known.kind, known.email, known.first_hand, known.guess) == ("table", "ipr@alibaba-inc.com", True, False)
    assert known.day is not None
