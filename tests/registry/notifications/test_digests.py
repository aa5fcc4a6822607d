"""Test digest mails: they list pending cases with their images, and are not sent if no case is open."""

import re
from dataclasses import replace

import pytest
from django.core.mail import EmailMultiAlternatives

from desk.texts.numbers import counted
from registry.cases import decisions
from registry.events import events
from registry.members import devices
from registry.models import Case, Event, EventKind, MailChoice, Membership, Role, User, Work
from registry.notifications.digests import build_digest
from registry.services.mail import delete_mails
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def list_pages(mail: EmailMultiAlternatives) -> list[str]:
    """Return the page paths of the links in a mail's text."""
    links = [
        devices.read_link(signed) for signed in re.findall(r"http://127\.0\.0\.1:8080/mail/open/(\S+)", str(mail.body))
    ]
    assert None not in links
    return [link.path for link in links if link is not None]


@pytest.mark.long
def test_digest_shows_pending_cases_and_omits_decided_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline.services, studio)
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    choice, _ = MailChoice.objects.get_or_create(user=user, owner=studio, defaults={"notified_until": 0})
    event_rows = list(Event.objects.order_by("pk"))
    mail = build_digest(inline.services, choice, event_rows)
    assert mail is not None
    assert mail.to == ["ann@example.org"]
    assert "/o/studio/cases/1/" in list_pages(mail)
    assert mail.extra_headers["List-Unsubscribe"].startswith("<http")
    assert case.shown is not None
    both = (case.shown.match.registered.digest, case.shown.sighting.picture.digest)
    for digest, picture in zip(both, mail.attachments, strict=True):
        assert digest.hex in picture["Content-ID"]
    folder = inline.services.config.data_dir / "mail"
    folder.mkdir()
    for digest in both:
        (folder / "one.eml").write_bytes(mail.message().as_bytes())
        delete_mails(inline.services.config, [digest])
        assert list(folder.iterdir()) == []

    user.blurs = True
    user.save()
    blurred = build_digest(inline.services, MailChoice.objects.get(), event_rows)
    assert blurred is not None
    assert blurred.attachments == []
    decisions.dismiss_case(case, by="Ann", reason="Ours.")
    assert build_digest(inline.services, choice, event_rows) is None
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "Autumn"})
    ready = build_digest(inline.services, choice, list(Event.objects.order_by("pk")))
    assert ready is not None
    assert "Autumn" in str(ready.body)
    event = events.record_event(studio, EventKind.WORK_HELD, {"work": 1, "sites": 320, "different": 41, "limit": 30})
    assert event is not None
    message = build_digest(inline.services, choice, [event])
    assert message is not None
    assert "320" in str(message.body)
    assert "/o/studio/works/1/" in list_pages(message)


@pytest.mark.long
def test_mail_lists_matches_by_site_and_counts_the_rest(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline.services, studio)
    for number in range(2, 20):
        work = Work.objects.create(owner=studio, number=number, title=f"Work {number}", registered_at=case.opened_at)
        site = "other.example" if number % 2 else f"small-{number}.example"
        fields = {"opened_at": case.opened_at, "shown": case.shown, "places": 1, "likelihood": 1 / number}
        Case.objects.create(owner=studio, number=number, work=work, party=site, **fields)
        events.record_event(studio, EventKind.CASE_OPENED, {"case": number})
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    choice = MailChoice.objects.create(user=user, owner=studio, notified_until=0)
    mail = build_digest(inline.services, choice, list(Event.objects.order_by("pk")))
    assert mail is not None
    html = str(mail.alternatives[0][0])
    for text in (str(mail.body), html):
        assert "100%" in text
        assert re.search(r"\d+ [A-Z][a-z]{2} \d{4}: shop\.example/", text)
        assert text.index("shop.example · 1 case") < text.index("small-2.example · 1 case")
        assert "other.example · 9 cases" in text
        assert counted(7, "more cases waiting") in text  # on this site
        assert counted(6, "more cases waiting") in text  # on sites that the mail omits
    assert list_pages(mail).count("/o/studio/cases/?q=other.example") == 1
    assert len(re.findall("<img", html)) == 12
    assert len(mail.attachments) == 7  # the work's image is attached once
    assert mail.subject == "Studio: 19 possible copies"


def test_digest_links_are_plain_when_mail_sign_in_is_disabled(inline: SyncRunner) -> None:
    studio = owner("studio")
    create_case(inline.services, studio)
    user = User.objects.create_user("ann", "ann@example.org", "not used")
    choice = MailChoice.objects.create(user=user, owner=studio, notified_until=0)
    inline.services.config = replace(inline.services.config, mail_sign_in=False)
    mail = build_digest(inline.services, choice, list(Event.objects.order_by("pk")))
    assert mail is not None
    assert "http://127.0.0.1:8080/o/studio/cases/1/" in str(mail.body)
    assert "/mail/open/" not in str(mail.body) + str(mail.alternatives[0][0])
