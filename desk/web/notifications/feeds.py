"""Pages reached by secret URLs without signing in: the feed, links in emails, and unsubscribing."""

from allauth.account.utils import perform_login
from allauth.decorators import rate_limit
from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from desk.texts.cases import decision_in_words
from desk.texts.numbers import grouped
from desk.web.common.pages import FORM
from desk.web.middleware.reader import DEVICE_COOKIE
from registry import scoped
from registry.events import mail_choices
from registry.log import audit_log
from registry.members import devices, tokens
from registry.models import MailChoice
from registry.notifications.digests import UNSUBSCRIBE_SALT
from registry.services.addresses import build_absolute_url
from workers import wiring

MAX_CASES = 50
"""Maximum number of cases in a feed. The newest are included."""


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """Return an owner's newest cases as an Atom feed (RFC 4287). Pictures and pages require signing in."""
    row = tokens.find_feed(secret)
    if row is None:
        raise Http404
    config = wiring.services().config
    cases_path = f"/o/{row.owner.slug}/cases/"
    with translation.override(row.user.message_language or translation.get_language()):
        atom_feed = Atom1Feed(
            title=_("%(owner)s: cases") % {"owner": row.owner.name},
            link=build_absolute_url(config, cases_path),
            description="",
            language=translation.get_language(),
            feed_guid=f"tag:{config.log_origin},2026:{row.owner.slug}/cases",
        )
        for case in (
            scoped.list_owner_cases(row.owner).filter(is_related=False).order_by("-opened_at", "-pk")[:MAX_CASES]
        ):
            title = ngettext(
                "%(party)s shows a possible copy of “%(title)s” on %(number)s page.",
                "%(party)s shows a possible copy of “%(title)s” on %(number)s pages.",
                case.places,
            ) % {"party": case.party, "title": case.work.title, "number": grouped(case.places)}
            atom_feed.add_item(
                title=title,
                link=build_absolute_url(config, f"{cases_path}{case.number}/"),
                description=decision_in_words(case.decision),
                unique_id=f"tag:{config.log_origin},2026:{row.owner.slug}/cases/{case.number}",
                pubdate=case.opened_at,
                updateddate=case.decided_at or case.opened_at,
            )
    headers = {"Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
    return HttpResponse(atom_feed.writeString("utf-8"), content_type=atom_feed.content_type, headers=headers)


@require_http_methods(FORM)
@never_cache
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def open_link(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Open an email's link, and sign in a recognised browser when the form is submitted. A GET request changes nothing.

    As after a password sign-in, a second factor is required, and sensitive actions require a new confirmation.
    """
    link = devices.read_link(signed)
    if link is None:
        raise Http404
    member, cookie = link.membership, request.COOKIES.get(DEVICE_COOKIE, "")
    can_sign_in = settings.CONFIG.mail_sign_in and not request.user.is_authenticated
    if member is None or not can_sign_in or not devices.is_known_device(cookie, member.user):
        return redirect(link.path)
    if request.method == "POST":
        log_details = {"page": link.path, "user": member.user.get_username()}
        audit_log.log_change(
            "mail link followed", by=member.user.get_username(), owner=member.owner, details=log_details
        )
        response: HttpResponseBase = perform_login(request, member.user, redirect_url=link.path)
        return response
    return render(request, "web/mail-link.html", {"member": member})


@require_http_methods(FORM)
@csrf_exempt
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe from emails: by form, or in one click from an email program (RFC 8058)."""
    try:
        key = signing.loads(token, salt=UNSUBSCRIBE_SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    choice = MailChoice.objects.filter(pk=key).select_related("owner", "user").first()
    if choice is None:
        raise Http404
    is_done = request.method == "POST"
    if is_done:
        mail_choices.set_mail_settings(
            choice.owner, choice.user, MailChoice.MailFrequency.NEVER, by=choice.user.get_username()
        )
    return render(request, "web/unsubscribe.html", {"choice": choice, "done": is_done})
