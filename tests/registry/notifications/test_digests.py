"""Test a member's mail: waiting cases with their images, and no mail if none is open."""

import re
from dataclasses import replace

import pytest
from django.core.mail import EmailMultiAlternatives

from desk.texts.numbers import counted
from registry.cases import decisions
from registry.events import events
from registry.members import devices
from registry.models import Case, Event, EventKind, MailChoice, Membership, Role, User, Work
from registry.notifications.digests import digest_mail
from registry.services.mail import drop_mails
from tests.assets.rows import found_case, owner
from workers.tasks.sync_runner import SyncRunner


def pages(mail: EmailMultiAlternatives) -> list[str]:
    """Return the pages to which the links of a mail's text lead."""
    found = [devices.read(signed) for signed in re.findall(r"http://127\.0\.0\.1:8080/mail/open/(\S+)", str(mail.body))]
    assert None not in found
    return [link.path for link in found if link is not None]


@pytest.mark.long
def test_a_mail_shows_what_waits_and_is_not_sent_for_what_was_decided_meanwhile(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = found_case(inline.services, studio)
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    choice, _ = MailChoice.objects.get_or_create(user=user, owner=studio, defaults={"told_until": 0})
    told = list(Event.objects.order_by("pk"))
    mail = digest_mail(inline.services, choice, told)
    assert mail is not None
    assert mail.to == ["ann@example.org"]
    assert "/o/studio/cases/1/" in pages(mail)
    assert mail.extra_headers["List-Unsubscribe"].startswith("<http")
    assert case.shown is not None
    both = (case.shown.match.registered.digest, case.shown.sighting.picture.digest)
    for digest, picture in zip(both, mail.attachments, strict=True):
        assert digest.hex in picture["Content-ID"]
    folder = inline.services.config.data_dir / "mail"
    folder.mkdir()
    for digest in both:
        (folder / "one.eml").write_bytes(mail.message().as_bytes())
        drop_mails(inline.services.config, [digest])
        assert list(folder.iterdir()) == []

    user.blurs = True
    user.save()
    blurred = digest_mail(inline.services, MailChoice.objects.get(), told)
    assert blurred is not None
    assert blurred.attachments == []
    decisions.clear(case, by="Ann", reason="Ours.")
    assert digest_mail(inline.services, choice, told) is None
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "Autumn"})
    ready = digest_mail(inline.services, choice, list(Event.objects.order_by("pk")))
    assert ready is not None
    assert "Autumn" in str(ready.body)
    event = events.record(studio, EventKind.WORK_HELD, {"work": 1, "sites": 320, "different": 41, "limit": 30})
    assert event is not None
    held = digest_mail(inline.services, choice, [event])
    assert held is not None
    assert "320" in str(held.body)
    assert "/o/studio/works/1/" in pages(held)


@pytest.mark.long
def test_a_mail_tells_party_by_party_how_sure_how_much_since_when_and_counts_the_rest(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = found_case(inline.services, studio)
    for number in range(2, 20):
        work = Work.objects.create(owner=studio, number=number, title=f"Work {number}", registered_at=case.opened_at)
        party = "other.example" if number % 2 else f"small-{number}.example"
        told = {"opened_at": case.opened_at, "shown": case.shown, "places": 1, "likelihood": 1 / number}
        Case.objects.create(owner=studio, number=number, work=work, party=party, **told)
        events.record(studio, EventKind.CASE_OPENED, {"case": number})
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    choice = MailChoice.objects.create(user=user, owner=studio, told_until=0)
    mail = digest_mail(inline.services, choice, list(Event.objects.order_by("pk")))
    assert mail is not None
    html = str(mail.alternatives[0][0])
    for text in (str(mail.body), html):
        assert "100%" in text
        assert re.search(r"\d+ Nov \d{4}: shop\.example/", text)
        assert text.index("shop.example · 1 case") < text.index("small-2.example · 1 case")
        assert "other.example · 9 cases" in text
        assert counted(7, "more cases waiting") in text  # of this party
        assert counted(6, "more cases waiting") in text  # of parties that the mail does not name
    assert pages(mail).count("/o/studio/cases/?q=other.example") == 1
    assert len(re.findall("<img", html)) == 12
    assert len(mail.attachments) == 7  # the work's image once
    assert mail.subject == "Studio: 19 likely copies"


def test_links_are_plain_where_the_operator_lets_none_sign_in(inline: SyncRunner) -> None:
    studio = owner("studio")
    found_case(inline.services, studio)
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    choice = MailChoice.objects.create(user=user, owner=studio, told_until=0)
    inline.services.config = replace(inline.services.config, mail_sign_in=False)
    mail = digest_mail(inline.services, choice, list(Event.objects.order_by("pk")))
    assert mail is not None
    assert "http://127.0.0.1:8080/o/studio/cases/1/" in str(mail.body)
    assert "/mail/open/" not in str(mail.body) + str(mail.alternatives[0][0])
