"""Notification settings: email, push, the owner's webhooks, and the feed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.texts.sentences import in_words
from desk.web.common.access import is_manager, person_of
from desk.web.common.pages import manager_page, manager_post, member_page, member_post, page_of, show, shows_secret
from desk.web.notifications import push
from exhibit.errors import ExhibitError
from registry import scoped
from registry.events import events, mail_choices
from registry.members import tokens
from registry.models import Delivery, Feed, MailChoice, Owner
from registry.notifications import webhooks
from registry.services.addresses import absolute
from workers import wiring


@member_page("web/told.html")
def notification_settings(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the notification settings."""
    return _values(request, owner)


def _values(request: HttpRequest, owner: Owner) -> dict[str, object]:
    return {
        "choice": mail_choices.get_choice(owner, person_of(request)),
        "choices": MailChoice.HowOften.choices,
        "feed": Feed.objects.filter(owner=owner, user=person_of(request)).first(),
        "webhooks": scoped.webhooks(owner),
        "kinds": [(kind.value, kind.label) for kind in webhooks.EVENT_KINDS],
        "may_manage": is_manager(owner),
        "push": push.offer(request),
    }


@member_post(back="told")
def choose_mail(request: HttpRequest, owner: Owner) -> None:
    """Set how often the member gets email about this owner."""
    frequency = request.POST.get("how-often", "")
    if frequency in MailChoice.HowOften.values:
        choice, by = MailChoice.HowOften(frequency), request.user.get_username()
        at_once = "answers-at-once" in request.POST
        mail_choices.set_choice(owner, person_of(request), choice, by=by, answers_at_once=at_once)
        messages.success(request, _("Your choice was saved."))


@member_post(back="told")
def change_feed(request: HttpRequest, owner: Owner) -> HttpResponseBase | None:
    """Create or revoke the URL of the member's feed."""
    if request.POST.get("do") == "make":
        return _make_feed(request, owner)
    tokens.revoke_feed(owner, person_of(request), by=request.user.get_username())
    return None


@shows_secret
def _make_feed(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    secret = tokens.create_feed(owner, person_of(request), by=request.user.get_username())
    address = absolute(wiring.services().config, reverse("feed", kwargs={"secret": secret}))
    return show(request, owner, "web/told.html", _values(request, owner) | {"feed_address": address})


@manager_post()
@shows_secret
def add_webhook(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Add a webhook."""
    url = request.POST.get("url", "").strip()
    by = request.user.get_username()
    try:
        row, secret = webhooks.add_webhook(wiring.services(), owner, url, request.POST.getlist("kind"), by=by)
    except ExhibitError as error:
        values = {"error": in_words(error), "url": url[:200], "chosen": request.POST.getlist("kind")}
        return show(request, owner, "web/told.html", _values(request, owner) | values, status=422)
    return show(request, owner, "web/webhook-secret.html", {"webhook": row, "secret": secret})


@manager_page("web/webhook.html")
def webhook(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a webhook and the result of each message."""
    row = scoped.webhook(owner, number)
    deliveries = row.deliveries.select_related("event").order_by("-pk")
    return {"webhook": row, "page": page_of(request, deliveries)}


@manager_post()
def change_webhook(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Pause, resume, test or remove a webhook, or send a message again."""
    row, by = scoped.webhook(owner, number), request.user.get_username()
    do = request.POST.get("do", "")
    if do == "remove":
        webhooks.remove_webhook(row, by=by)
        messages.success(request, _("The webhook was removed."))
        return redirect("told", slug=owner.slug)
    if do == "pause":
        webhooks.pause(row, webhooks.PAUSED_BY_MEMBER, by=by)
    elif do == "resume":
        webhooks.resume(wiring.services(), row, by=by)
    elif do == "test":
        wiring.services().enqueue(Delivery, [events.record_test(row).pk])
        messages.success(request, _("A test message is being sent. The result appears below within a few seconds."))
    elif do == "again":
        webhooks.send_again(wiring.services(), scoped.get_message(row, request.POST.get("delivery", "")))
    return redirect("webhook", slug=owner.slug, number=number)
