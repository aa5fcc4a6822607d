"""What a mail tells a member: cases that still wait, with their pictures, and nothing when nothing is open."""

from registry.models import Event, EventKind, MailChoice, Membership, Role, User
from registry.notifications import events
from tests.assets.rows import found_case, owner
from workers.cases import decisions
from workers.notify.digests import digest_mail
from workers.notify.mail_files import drop_mails
from workers.tasks.sync_runner import SyncRunner


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
    assert "/o/studio/cases/1/" in str(mail.body)
    assert mail.extra_headers["List-Unsubscribe"].startswith("<http")
    assert case.shown is not None
    (picture,) = mail.attachments
    digest = case.shown.sighting.picture.digest
    assert digest.hex in picture["Content-ID"]
    folder = inline.services.config.data_dir / "mail"
    folder.mkdir()
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
    assert "The report “Autumn” is ready." in str(ready.body)
    event = events.record(studio, EventKind.WORK_HELD, {"work": 1, "sites": 320, "different": 41, "limit": 30})
    assert event is not None
    held = digest_mail(inline.services, choice, [event])
    assert held is not None
    assert "Work 1 was found on 320 new sites in one day. It is held back until you look." in str(held.body)
    assert "/o/studio/works/1/" in str(held.body)
