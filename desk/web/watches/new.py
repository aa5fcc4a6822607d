"""A new watch: a site's address is pasted, looked at, and becomes a watch with what the site offers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crawler.site_probe import Proposal
from desk.texts.refusals import refusal_in_words
from desk.texts.sentences import in_words
from desk.web.common.pages import decider_form, decider_post, show
from desk.web.watches.forms import WatchForm
from desk.web.watches.looks import choice, looked_at, places
from desk.web.watches.views import run_at_once
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.urls import host_of
from registry.crawls import watching
from registry.models import Owner, Watch
from workers.crawls.watches import arrange
from workers.services import wiring


@decider_form
def new(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Ask for a site's address; look at the one given, and show what it offers."""
    if request.method != "POST":
        return show(request, owner, "web/watch-new.html", {"address": ""})
    values = looked_at(request)
    if not values.get("offered"):
        return show(request, owner, "web/watch-new.html", values, status=422)
    address = str(values["address"])
    name = watching.free_name(owner, host_of(address).removeprefix("www.") or address)
    return show(request, owner, "web/watch-new.html", values | {"form": WatchForm(name=name)})


@decider_post
def make(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Make the watch, and run it at once if that is wished."""
    form = WatchForm(request.POST)
    offered, chosen = places(request.POST.getlist("offered")), places(request.POST.getlist("source"))
    if form.is_valid():
        try:
            watch = _made(owner, form, chosen, request.user.get_username())
        except ExhibitError as error:
            form.add_error(None, refusal_in_words(error.reason) if isinstance(error, RefusedError) else in_words(error))
        else:
            if request.POST.get("now"):
                return run_at_once(request, watch)
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=watch.number)
    shown = [choice(source, chosen=source in chosen) for source in offered]
    values = {"form": form, "offered": shown, "address": offered[0].url if offered else ""}
    return show(request, owner, "web/watch-new.html", values, status=422)


def _made(owner: Owner, form: WatchForm, chosen: list[Proposal], by: str) -> Watch:
    given, sources = form.settings(), [(str(source.kind), source.url) for source in chosen]
    return arrange(wiring.services(), owner, given.pop("name"), sources, **given, by=by)
