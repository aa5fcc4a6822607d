"""Digest emails to a member about an owner's events."""

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
from registry.cases.queue import find_seen_times
from registry.events.mail_choices import get_time_zone
from registry.events.models import Event, EventKind, MailChoice
from registry.members import devices
from registry.notices.models import Notice
from registry.notifications.webhooks import get_page_path
from registry.pictures import previews
from registry.pictures.scoped import find_hidden_pictures
from registry.reports.requests import format_title
from registry.services.addresses import build_absolute_url
from registry.services.mail import build_message_id
from registry.services.services import Services

# Parties and cases listed in an email, most likely first. Further ones are only counted.
MAX_SITES, MAX_CASES = (
    5,
    10,
)
UNSUBSCRIBE_SALT = "exhibit.unsubscribe"


def build_digest(services: Services, preference: MailChoice, events: Sequence[Event]) -> EmailMultiAlternatives | None:
    """Build the email about the events since the last email, or return None if no event is still open."""
    user, owner = preference.user, preference.owner
    with translation.override(user.message_language or settings.LANGUAGE_CODE), timezone.override(get_time_zone(user)):
        open_cases = _list_open_cases(owner, events)
        reply_events = _list_unread_replies(owner, events)
        other_events = [event for event in events if event.kind != EventKind.NOTICE_REPLIED and _describe_event(event)]
        event_links = [
            (_describe_event(event), _make_link(services, preference, get_page_path(event)))
            for event in (*reply_events, *other_events)
        ]
        reply_links, event_links = event_links[: len(reply_events)], event_links[len(reply_events) :]
        if not (open_cases or reply_links or event_links):
            return None
        groups, pictures = _group_by_site(services, preference, open_cases)
        unsubscribe_url = build_absolute_url(
            services.config, f"/mail/unsubscribe/{signing.dumps(preference.pk, salt=UNSUBSCRIBE_SALT)}"
        )
        values = {
            "owner": owner,
            "answers": reply_links,
            "groups": groups,
            "more": len(open_cases) - sum(group["size"] for group in groups),
            "queue": _make_link(services, preference, f"/o/{owner.slug}/cases/"),
            "others": event_links,
            "settings": _make_link(services, preference, f"/o/{owner.slug}/told/"),
            "unsubscribe": unsubscribe_url,
        }
        text = render_to_string("mail/digest.txt", values).lstrip()
        mail = EmailMultiAlternatives(
            _build_subject(owner, len(open_cases), reply_links, event_links), text, to=[user.email]
        )
        mail.attach_alternative(render_to_string("mail/digest.html", values), "text/html")
    mail.extra_headers = {
        "List-Unsubscribe": f"<{unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Message-ID": build_message_id(services.config, f"digest-{preference.pk}-{events[-1].pk}"),
    }
    mail.mixed_subtype = "related"  # type: ignore[attr-defined] # the pictures belong to the text
    for name, data in pictures.items():
        image = MIMEImage(data, "jpeg")
        image.add_header("Content-ID", f"<{name}>")
        image.add_header("Content-Disposition", "inline", filename=f"{name}.jpg")
        mail.attach(image)
    return mail


def _make_link(services: Services, preference: MailChoice, path: str) -> str:
    """Return the absolute URL of a page; if the operator allows sign-in links, it also signs in the member.

    Such a link signs in only browsers in which the member has signed in before.
    """
    is_sign_in_link = services.config.mail_sign_in
    target = f"/mail/open/{devices.make_link(preference.owner, preference.user, path)}" if is_sign_in_link else path
    return build_absolute_url(services.config, target)


def _list_open_cases(owner: Owner, events: Sequence[Event]) -> list[tuple[int, str]]:
    """Return the new cases that still await a decision, each with its site, the most likely copies first."""
    case_numbers = {event.about["case"] for event in events if event.kind == EventKind.CASE_OPENED}
    rows = scoped.list_owner_cases(owner).filter(number__in=case_numbers, decision=Case.Decision.OPEN, is_pending=True)
    return list(rows.order_by("-likelihood", "number").values_list("pk", "party"))


def _list_unread_replies(owner: Owner, events: Sequence[Event]) -> list[Event]:
    """Return one event for each notice with an unread reply."""
    unread_notices = set(
        Notice.objects.filter(owner=owner, replies__seen_at=None, replies__isnull=False).values_list(
            "number", flat=True
        )
    )
    event_by_notice = {event.about["notice"]: event for event in events if event.kind == EventKind.NOTICE_REPLIED}
    return [event for number, event in event_by_notice.items() if number in unread_notices]


def _group_by_site(
    services: Services, preference: MailChoice, open_cases: Sequence[tuple[int, str]]
) -> tuple[list[dict[str, Any]], Mapping[str, bytes]]:
    """Return the sites with the most likely cases, some cases of each site, and the cases' images by name."""
    keys_by_site: dict[str, list[int]] = {}
    for pk, site in open_cases:
        keys_by_site.setdefault(site, []).append(pk)
    shown_sites = list(keys_by_site.items())[:MAX_SITES]
    max_per_site = MAX_CASES // max(len(shown_sites), 1)
    shown_keys = [pk for _site, keys in shown_sites for pk in keys[:max_per_site]]
    picture_relations = ("shown__match__registered", "shown__match__found", "shown__sighting")
    rows = scoped.list_owner_cases(preference.owner).select_related(*picture_relations).in_bulk(shown_keys)
    times = find_seen_times(list(rows.values()))
    pairs, pictures = (
        ({}, {}) if preference.user.blurs else _load_pictures(services, preference.owner, list(rows.values()))
    )
    queue_path = f"/o/{preference.owner.slug}/cases/"
    groups = []
    for site, keys in shown_sites:
        cases = [
            {
                "case": row,
                "url": _make_link(services, preference, f"{queue_path}{row.number}/"),
                "since": times[row.pk][0] if row.pk in times else row.opened_at,
                "pictures": pairs.get(row.pk),
            }
            for row in (rows[pk] for pk in keys[:max_per_site] if pk in rows)
        ]
        url = _make_link(services, preference, f"{queue_path}?{urlencode({'q': site})}")
        groups.append({"party": site, "size": len(keys), "cases": cases, "more": len(keys) - len(cases), "url": url})
    return groups, pictures


def _load_pictures(
    services: Services, owner: Owner, cases: Sequence[Case]
) -> tuple[dict[int, tuple[str, str]], dict[str, bytes]]:
    """Return the names of each case's registered and found image, and the reduced images by name.

    Cases whose found image is missing or hidden are omitted.
    """
    matches = {case: case.shown.match for case in cases if case.shown is not None}
    hidden_pictures = find_hidden_pictures(owner, [match.found for match in matches.values()])
    names: dict[int, tuple[str, str]] = {}
    images: dict[str, bytes] = {}
    for case, match in matches.items():
        if match.found_id in hidden_pictures:
            continue
        registered_name, found_name = (
            f"work-{match.registered.digest.hex}",
            f"case-{case.number}-{match.found.digest.hex}",
        )
        try:
            pair = {
                registered_name: previews.get_viewable_bytes(services, match.registered),
                found_name: previews.get_viewable_bytes(services, match.found),
            }
        except ExhibitError:
            continue
        names[case.pk] = (registered_name, found_name)
        images |= pair
    return names, images


def _describe_event(event: Event) -> str:
    """Describe an event other than a new case in the active language; empty for events that emails omit."""
    event_data = event.about
    if event.kind == EventKind.KNOWN_COPY_MISSED:
        return _("The watch %(name)s missed a known copy: %(page)s") % {
            "name": event_data["name"],
            "page": event_data["page"],
        }
    if event.kind == EventKind.WORK_HELD:
        values = {"work": event_data["work"], "sites": event_data["sites"]}
        return (
            _("Work %(work)d was found on %(sites)d new sites in one day. It is on hold until you review it.") % values
        )
    if event.kind == EventKind.REPORT_READY:
        title = format_title(event_data["title"], event_data["report"], event.owner.name)
        return _("The report “%(title)s” is ready.") % {"title": title}
    if event.kind in (EventKind.NOTICE_DUE, EventKind.NOTICE_REPLIED, EventKind.NOTICE_VISITED):
        return _describe_notice_event(event)
    if event.kind == EventKind.WEBHOOK_PAUSED:
        return _("The webhook %(address)s has not accepted any messages for several days and was paused.") % {
            "address": event_data["address"]
        }
    return ""


def _describe_notice_event(event: Event) -> str:
    values = {"number": event.about["notice"], "party": event.about["party"]}
    if event.kind == EventKind.NOTICE_REPLIED:
        return (
            _(
                "Notice %(number)d about %(party)s: a reply was received on the reply page. Until you mark it "
                "as read, Exhibit sends no reminders about the notice and blocks further notices about its "
                "cases. Legal deadlines are not suspended."
            )
            % values
        )
    if event.kind == EventKind.NOTICE_VISITED:
        places = event.about["places"]
        values |= {"removed": places.get("removed", 0), "places": sum(places.values())}
        values["before"] = event.about.get("removed_before", 0)
        return (
            _(
                "Notice %(number)d about %(party)s: according to a reply, the material was taken down. Pages "
                "visited since then: %(places)d; material removed from %(removed)d of them. Pages from which the "
                "material had already been removed before the reply: %(before)d."
            )
            % values
        )
    values["day"] = formats.date_format(date.fromisoformat(event.about["due"]), "DATE_FORMAT")
    return _("Notice %(number)d about %(party)s: review it by %(day)s.") % values


def _build_subject(
    owner: Owner, cases: int, reply_links: Sequence[tuple[str, str]], event_links: Sequence[tuple[str, str]]
) -> str:
    if reply_links:
        text = reply_links[0][0]
    elif cases:
        text = ngettext("%(number)d possible copy", "%(number)d possible copies", cases) % {"number": cases}
    else:
        text = event_links[0][0]
    return f"{owner.name}{pgettext('after a label', ': ')}{text}".replace("\r", " ").replace("\n", " ")[:200]
