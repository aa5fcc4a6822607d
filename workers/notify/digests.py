"""What a mail tells a member of an owner's matters."""

from collections.abc import Sequence
from datetime import date
from email.mime.image import MIMEImage

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _, ngettext, pgettext

from exhibit.errors import ExhibitError
from registry.accounts import scoped
from registry.models import Case, Event, EventKind, MailChoice, Owner
from registry.notifications.mail_choices import zone_of
from workers.notify.mail import message_id
from workers.notify.webhooks import page_of
from workers.pictures import previews
from workers.reports import titles
from workers.servers.addresses import absolute
from workers.services.wiring import Services

SHOWN = 10  # cases that a mail shows, the likeliest first; the others are counted
SALT = "exhibit.unsubscribe"


def digest_mail(services: Services, choice: MailChoice, told: Sequence[Event]) -> EmailMultiAlternatives | None:
    """The mail about events that came since the last one; ``None`` when nothing of them is open any more."""
    user, owner = choice.user, choice.owner
    with translation.override(user.reads or settings.LANGUAGE_CODE), timezone.override(zone_of(user)):
        waiting = _waiting(owner, told)
        others = [(_sentence(event), absolute(services.config, page_of(event))) for event in told if _sentence(event)]
        if not waiting and not others:
            return None
        pictures = {} if user.blurs else _pictures(services, waiting[:SHOWN])
        names = {case: name for case, (name, _) in pictures.items()}
        queue = absolute(services.config, f"/o/{owner.slug}/cases/")
        cases = [
            {"case": case, "url": f"{queue}{case.number}/", "picture": names.get(case.pk, "")}
            for case in waiting[:SHOWN]
        ]
        unsubscribe = absolute(services.config, f"/mail/unsubscribe/{signing.dumps(choice.pk, salt=SALT)}")
        values = {
            "owner": owner,
            "cases": cases,
            "more": len(waiting) - len(cases),
            "queue": queue,
            "others": others,
            "settings": absolute(services.config, f"/o/{owner.slug}/told/"),
            "unsubscribe": unsubscribe,
        }
        words = render_to_string("mail/digest.txt", values).lstrip()
        mail = EmailMultiAlternatives(_subject(owner, len(waiting), others), words, to=[user.email])
        mail.attach_alternative(render_to_string("mail/digest.html", values), "text/html")
    mail.extra_headers = {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Message-ID": message_id(services.config, f"digest-{choice.pk}-{told[-1].pk}"),
    }
    mail.mixed_subtype = "related"  # type: ignore[attr-defined] # the pictures belong to the text
    for name, data in pictures.values():
        image = MIMEImage(data, "jpeg")
        image.add_header("Content-ID", f"<{name}>")
        image.add_header("Content-Disposition", "inline", filename=f"{name}.jpg")
        mail.attach(image)
    return mail


def _waiting(owner: Owner, told: Sequence[Event]) -> list[Case]:
    """The cases that were opened and still wait for a person, the likeliest first."""
    opened = {event.about["case"] for event in told if event.kind == EventKind.CASE_OPENED}
    rows = scoped.cases(owner).filter(number__in=opened, decision=Case.Decision.OPEN, waits=True)
    return list(rows.select_related("shown__sighting__picture").order_by("-likelihood", "number"))


def _pictures(services: Services, cases: Sequence[Case]) -> dict[int, tuple[str, bytes]]:
    """The found picture of each case, small, with its Content-ID; one that is gone or hidden is left out."""
    shown = {case: case.shown.sighting.picture for case in cases if case.shown is not None}
    hidden = scoped.hidden_among(cases[0].owner, shown.values()) if shown else set()
    found = {}
    for case, picture in shown.items():
        if picture.pk in hidden:
            continue
        try:
            data = previews.shown(services, picture)
        except ExhibitError:
            continue
        found[case.pk] = (f"case-{case.number}-{picture.digest.hex}", data)
    return found


def _sentence(event: Event) -> str:
    """What an event says beside the cases, in the reader's language; empty for what a mail doesn't say."""
    about = event.about
    if event.kind == EventKind.CANARY_MISSED:
        return _("The watch %(name)s missed a known copy: %(page)s") % {"name": about["name"], "page": about["page"]}
    if event.kind == EventKind.WORK_HELD:
        told = {"work": about["work"], "sites": about["sites"]}
        return _("Work %(work)d was found on %(sites)d new sites in one day. It is held back until you look.") % told
    if event.kind == EventKind.REPORT_READY:
        title = titles.in_words(about["title"], about["report"], event.owner.name)
        return _("The report “%(title)s” is ready.") % {"title": title}
    if event.kind in (EventKind.NOTICE_DUE, EventKind.NOTICE_REPLIED):
        return _of_notice(event)
    if event.kind == EventKind.WEBHOOK_PAUSED:
        return _("The webhook %(address)s took no message for days and is paused.") % {"address": about["address"]}
    return ""


def _of_notice(event: Event) -> str:
    told = {"number": event.about["notice"], "party": event.about["party"]}
    if event.kind == EventKind.NOTICE_REPLIED:
        return _("Notice %(number)d about %(party)s: an answer came on its page. It rests until you look.") % told
    told["day"] = formats.date_format(date.fromisoformat(event.about["due"]), "DATE_FORMAT")
    return _("Notice %(number)d about %(party)s: look again by %(day)s.") % told


def _subject(owner: Owner, cases: int, others: Sequence[tuple[str, str]]) -> str:
    if cases:
        words = ngettext("%(number)d likely copy", "%(number)d likely copies", cases) % {"number": cases}
    else:
        words = others[0][0]
    return f"{owner.name}{pgettext('after a label', ': ')}{words}".replace("\r", " ").replace("\n", " ")[:200]
