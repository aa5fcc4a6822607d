"""Digest emails that inform a member about an owner's events."""

from collections.abc import Mapping, Sequence
from datetime import date
from email.mime.image import MIMEImage
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _, ngettext, pgettext

from exhibit.errors import ExhibitError
from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.models import Case
from registry.cases.queue import seen_between
from registry.events.mail_choices import zone_of
from registry.events.models import Event, EventKind, MailChoice
from registry.members import devices
from registry.notices.models import Notice
from registry.notifications.webhooks import page_of
from registry.pictures import previews
from registry.pictures.scoped import hidden_among
from registry.reports.requests import title_in_words
from registry.services.addresses import absolute
from registry.services.mail import message_id
from registry.services.services import Services

PARTIES, SHOWN = 5, 10  # Parties and cases listed in an email, most likely first. Further ones are only counted.
SALT = "exhibit.unsubscribe"


def digest_mail(services: Services, choice: MailChoice, told: Sequence[Event]) -> EmailMultiAlternatives | None:
    """Return the email about events since the last one, or None if none of them is still open."""
    user, owner = choice.user, choice.owner
    with translation.override(user.reads or settings.LANGUAGE_CODE), timezone.override(zone_of(user)):
        waiting = _waiting(owner, told)
        answered = _unread_answers(owner, told)
        rest = [event for event in told if event.kind != EventKind.NOTICE_REPLIED and _sentence(event)]
        others = [(_sentence(event), _link(services, choice, page_of(event))) for event in (*answered, *rest)]
        first, others = others[: len(answered)], others[len(answered) :]
        if not (waiting or first or others):
            return None
        groups, pictures = _groups(services, choice, waiting)
        unsubscribe = absolute(services.config, f"/mail/unsubscribe/{signing.dumps(choice.pk, salt=SALT)}")
        values = {
            "owner": owner,
            "answers": first,
            "groups": groups,
            "more": len(waiting) - sum(group["size"] for group in groups),
            "queue": _link(services, choice, f"/o/{owner.slug}/cases/"),
            "others": others,
            "settings": _link(services, choice, f"/o/{owner.slug}/told/"),
            "unsubscribe": unsubscribe,
        }
        words = render_to_string("mail/digest.txt", values).lstrip()
        mail = EmailMultiAlternatives(_subject(owner, len(waiting), first, others), words, to=[user.email])
        mail.attach_alternative(render_to_string("mail/digest.html", values), "text/html")
    mail.extra_headers = {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Message-ID": message_id(services.config, f"digest-{choice.pk}-{told[-1].pk}"),
    }
    mail.mixed_subtype = "related"  # type: ignore[attr-defined] # the pictures belong to the text
    for name, data in pictures.items():
        image = MIMEImage(data, "jpeg")
        image.add_header("Content-ID", f"<{name}>")
        image.add_header("Content-Disposition", "inline", filename=f"{name}.jpg")
        mail.attach(image)
    return mail


def _link(services: Services, choice: MailChoice, path: str) -> str:
    """Return the absolute URL of a page. If the operator allows it, known browsers are signed in by it."""
    signed = services.config.mail_sign_in
    way = f"/mail/open/{devices.link(choice.owner, choice.user, path)}" if signed else path
    return absolute(services.config, way)


def _waiting(owner: Owner, told: Sequence[Event]) -> list[tuple[int, str]]:
    """Return the new cases that still await a decision, each with its party, most likely first."""
    opened = {event.about["case"] for event in told if event.kind == EventKind.CASE_OPENED}
    rows = scoped.cases(owner).filter(number__in=opened, decision=Case.Decision.OPEN, waits=True)
    return list(rows.order_by("-likelihood", "number").values_list("pk", "party"))


def _unread_answers(owner: Owner, told: Sequence[Event]) -> list[Event]:
    """Return one event for each notice with a reply that no member has read yet."""
    resting = set(
        Notice.objects.filter(owner=owner, replies__seen_at=None, replies__isnull=False).values_list(
            "number", flat=True
        )
    )
    by_notice = {event.about["notice"]: event for event in told if event.kind == EventKind.NOTICE_REPLIED}
    return [event for number, event in by_notice.items() if number in resting]


def _groups(
    services: Services, choice: MailChoice, waiting: Sequence[tuple[int, str]]
) -> tuple[list[dict[str, Any]], Mapping[str, bytes]]:
    """Return the parties with the most likely cases, some cases of each, and the images of these by name."""
    parties: dict[str, list[int]] = {}
    for pk, party in waiting:
        parties.setdefault(party, []).append(pk)
    shown_parties = list(parties.items())[:PARTIES]
    most = SHOWN // max(len(shown_parties), 1)
    keys_shown = [pk for _party, keys in shown_parties for pk in keys[:most]]
    with_pictures = ("shown__match__registered", "shown__match__found", "shown__sighting")
    rows = scoped.cases(choice.owner).select_related(*with_pictures).in_bulk(keys_shown)
    times = seen_between(list(rows.values()))
    pairs, pictures = ({}, {}) if choice.user.blurs else _pictures(services, choice.owner, list(rows.values()))
    queue = f"/o/{choice.owner.slug}/cases/"
    groups = []
    for party, keys in shown_parties:
        cases = [
            {
                "case": row,
                "url": _link(services, choice, f"{queue}{row.number}/"),
                "since": times[row.pk][0] if row.pk in times else row.opened_at,
                "pictures": pairs.get(row.pk),
            }
            for row in (rows[pk] for pk in keys[:most] if pk in rows)
        ]
        url = _link(services, choice, f"{queue}?{urlencode({'q': party})}")
        groups.append({"party": party, "size": len(keys), "cases": cases, "more": len(keys) - len(cases), "url": url})
    return groups, pictures


def _pictures(
    services: Services, owner: Owner, cases: Sequence[Case]
) -> tuple[dict[int, tuple[str, str]], dict[str, bytes]]:
    """Return the names of each case's registered and found image, and the reduced images by name.

    Cases whose found image is missing or hidden are left out.
    """
    shown = {case: case.shown.match for case in cases if case.shown is not None}
    hidden = hidden_among(owner, [match.found for match in shown.values()])
    names: dict[int, tuple[str, str]] = {}
    images: dict[str, bytes] = {}
    for case, match in shown.items():
        if match.found_id in hidden:
            continue
        own, found_name = f"work-{match.registered.digest.hex}", f"case-{case.number}-{match.found.digest.hex}"
        try:
            pair = {own: previews.shown(services, match.registered), found_name: previews.shown(services, match.found)}
        except ExhibitError:
            continue
        names[case.pk] = (own, found_name)
        images |= pair
    return names, images


def _sentence(event: Event) -> str:
    """Describe an event other than new cases in the reader's language; empty for events that emails leave out."""
    about = event.about
    if event.kind == EventKind.CANARY_MISSED:
        return _("The watch %(name)s missed a known copy: %(page)s") % {"name": about["name"], "page": about["page"]}
    if event.kind == EventKind.WORK_HELD:
        values = {"work": about["work"], "sites": about["sites"]}
        return (
            _("Work %(work)d was found on %(sites)d new sites in one day. It is on hold until you review it.") % values
        )
    if event.kind == EventKind.REPORT_READY:
        title = title_in_words(about["title"], about["report"], event.owner.name)
        return _("The report “%(title)s” is ready.") % {"title": title}
    if event.kind in (EventKind.NOTICE_DUE, EventKind.NOTICE_REPLIED, EventKind.NOTICE_VISITED):
        return _of_notice(event)
    if event.kind == EventKind.WEBHOOK_PAUSED:
        return _("The webhook %(address)s accepted no messages for days and was paused.") % {
            "address": about["address"]
        }
    return ""


def _of_notice(event: Event) -> str:
    values = {"number": event.about["notice"], "party": event.about["party"]}
    if event.kind == EventKind.NOTICE_REPLIED:
        return (
            _(
                "Notice %(number)d about %(party)s: a reply was received on its page. The notice is postponed "
                "until you review the reply."
            )
            % values
        )
    if event.kind == EventKind.NOTICE_VISITED:
        places = event.about["places"]
        values |= {"removed": places.get("removed", 0), "places": sum(places.values())}
        values["before"] = event.about.get("removed_before", 0)
        return (
            _(
                "Notice %(number)d about %(party)s: a reply states that the material was taken down. Pages "
                "visited since: %(places)d, of which found removed: %(removed)d. Already found removed before: "
                "%(before)d."
            )
            % values
        )
    values["day"] = formats.date_format(date.fromisoformat(event.about["due"]), "DATE_FORMAT")
    return _("Notice %(number)d about %(party)s: review it by %(day)s.") % values


def _subject(owner: Owner, cases: int, answers: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> str:
    if answers:
        words = answers[0][0]
    elif cases:
        words = ngettext("%(number)d likely copy", "%(number)d likely copies", cases) % {"number": cases}
    else:
        words = others[0][0]
    return f"{owner.name}{pgettext('after a label', ': ')}{words}".replace("\r", " ").replace("\n", " ")[:200]
