"""What is reached by an address of its own, without signing in: a feed, and the end of mails."""

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from desk.texts.cases import decision_in_words
from desk.texts.numbers import grouped
from registry.accounts import feeds, scoped
from registry.models import MailChoice
from registry.notifications import mail_choices
from workers.notify.digests import SALT
from workers.servers.addresses import absolute
from workers.services import wiring

MAX_CASES = 50
"""Cases of a feed: the newest."""


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The newest cases of an owner as an Atom feed (RFC 4287); pictures and pages need signing in."""
    row = feeds.find(secret)
    if row is None:
        raise Http404
    config = wiring.services().config
    start = f"/o/{row.owner.slug}/cases/"
    with translation.override(row.user.reads or translation.get_language()):
        made = Atom1Feed(
            title=_("%(owner)s: cases") % {"owner": row.owner.name},
            link=absolute(config, start),
            description="",
            language=translation.get_language(),
            feed_guid=f"tag:{config.log_origin},2026:{row.owner.slug}/cases",
        )
        for case in scoped.cases(row.owner).order_by("-opened_at", "-pk")[:MAX_CASES]:
            words = ngettext(
                "%(party)s shows what may be a copy of “%(title)s” at %(number)s place.",
                "%(party)s shows what may be a copy of “%(title)s” at %(number)s places.",
                case.places,
            ) % {"party": case.party, "title": case.work.title, "number": grouped(case.places)}
            made.add_item(
                title=words,
                link=absolute(config, f"{start}{case.number}/"),
                description=decision_in_words(case.decision),
                unique_id=f"tag:{config.log_origin},2026:{row.owner.slug}/cases/{case.number}",
                pubdate=case.opened_at,
                updateddate=case.decided_at or case.opened_at,
            )
    headers = {"Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
    return HttpResponse(made.writeString("utf-8"), content_type=made.content_type, headers=headers)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """No more mail: asked by a person, or done at once by a program of mail (RFC 8058)."""
    try:
        key = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    choice = MailChoice.objects.filter(pk=key).select_related("owner", "user").first()
    if choice is None:
        raise Http404
    done = request.method == "POST"
    if done:
        mail_choices.choose(choice.owner, choice.user, MailChoice.HowOften.NEVER, by=choice.user.get_username())
    return render(request, "web/unsubscribe.html", {"choice": choice, "done": done})
