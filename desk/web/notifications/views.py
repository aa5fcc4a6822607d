"""Notification settings: email, push, the owner's webhooks, and the feed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.texts.sentences import in_words
from desk.web.common.access import get_user, is_manager
from desk.web.common.pages import (
    get_page,
    manager_page,
    manager_post,
    member_page,
    member_post,
    render_page,
    secret_view,
)
from desk.web.notifications import push
from exhibit.errors import ExhibitError
from registry import scoped
from registry.events import events, mail_choices
from registry.members import tokens
from registry.models import Delivery, Feed, MailChoice, Owner
from registry.notifications import webhooks
from registry.services.addresses import build_absolute_url
from workers import wiring


@member_page("web/told.html")
def notification_settings(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the notification settings."""
    return _build_values(request, owner)


def _build_values(request: HttpRequest, owner: Owner) -> dict[str, object]:
    return {
        "choice": mail_choices.get_mail_settings(owner, get_user(request)),
        "choices": MailChoice.MailFrequency.choices,
        "feed": Feed.objects.filter(owner=owner, user=get_user(request)).first(),
        "webhooks": scoped.list_webhooks(owner),
        "kinds": [(kind.value, kind.label) for kind in webhooks.EVENT_KINDS],
        "may_manage": is_manager(owner),
        "push": push.get_push_setup(request),
    }


@member_post(back="told")
def set_mail_frequency(request: HttpRequest, owner: Owner) -> None:
    """Set how often the member gets email about this owner."""
    frequency = request.POST.get("how-often", "")
    if frequency in MailChoice.MailFrequency.values:
        choice, by = MailChoice.MailFrequency(frequency), request.user.get_username()
        replies_at_once = "answers-at-once" in request.POST
        mail_choices.set_mail_settings(owner, get_user(request), choice, by=by, sends_replies_at_once=replies_at_once)
        messages.success(request, _("Your choice was saved."))


@member_post(back="told")
def change_feed(request: HttpRequest, owner: Owner) -> HttpResponseBase | None:
    """Create or revoke the URL of the member's feed."""
    if request.POST.get("do") == "make":
        return _create_feed(request, owner)
    tokens.revoke_feed(owner, get_user(request), by=request.user.get_username())
    return None


@secret_view
def _create_feed(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    secret = tokens.create_feed(owner, get_user(request), by=request.user.get_username())
    feed_url = build_absolute_url(wiring.services().config, reverse("feed", kwargs={"secret": secret}))
    return render_page(request, owner, "web/told.html", _build_values(request, owner) | {"feed_address": feed_url})


@manager_post()
@secret_view
def add_webhook(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Add a webhook."""
    url = request.POST.get("url", "").strip()
    by = request.user.get_username()
    try:
        row, secret = webhooks.add_webhook(wiring.services(), owner, url, request.POST.getlist("kind"), by=by)
    except ExhibitError as error:
        values = {"error": in_words(error), "url": url[:200], "chosen": request.POST.getlist("kind")}
        return render_page(request, owner, "web/told.html", _build_values(request, owner) | values, status=422)
    return render_page(request, owner, "web/webhook-secret.html", {"webhook": row, "secret": secret})


@manager_page("web/webhook.html")
def webhook(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a webhook and the result of each delivery."""
    row = scoped.get_webhook(owner, number)
    deliveries = row.deliveries.select_related("event").order_by("-pk")
    return {"webhook": row, "page": get_page(request, deliveries)}


@manager_post()
def change_webhook(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Pause, resume, test or remove a webhook, or send a message again."""
    row, by = scoped.get_webhook(owner, number), request.user.get_username()
    action = request.POST.get("do", "")
    if action == "remove":
        webhooks.remove_webhook(row, by=by)
        messages.success(request, _("The webhook was removed."))
        return redirect("told", slug=owner.slug)
    if action == "pause":
        webhooks.pause_webhook(row, webhooks.PAUSED_BY_MEMBER, by=by)
    elif action == "resume":
        webhooks.resume_webhook(wiring.services(), row, by=by)
    elif action == "test":
        wiring.services().enqueue(Delivery, [events.record_test(row).pk])
        messages.success(request, _("A test message is being sent. The result appears below within a few seconds."))
    elif action == "again":
        webhooks.resend_message(wiring.services(), scoped.get_message(row, request.POST.get("delivery", "")))
    return redirect("webhook", slug=owner.slug, number=number)
