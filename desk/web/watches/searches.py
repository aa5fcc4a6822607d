"""Image searches and marketplaces: an owner's keys and consents, and watches that query them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts.schedules import captures as archived, costs
from desk.texts.sentences import in_words
from desk.web.common.access import manages, number_in
from desk.web.common.pages import decider_form, manager_post, member_page, show
from desk.web.watches.forms import WatchForm
from desk.web.watches.views import run_at_once
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.sentences import Sentence
from exhibit.types import Price
from registry.crawls import captures, crawling, search_keys, watching
from registry.crawls.search_keys import consent, estimate, keep_key, lacking, price_of, set_price
from registry.crawls.search_services import service_of, services
from registry.crawls.watches import arrange
from registry.models import Owner
from workers import wiring


@member_page("web/searches.html")
def searches(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the available search services and the owner's keys and consents. Keys are never shown."""
    keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
    consents = {(row.service, row.host): row for row in owner.search_consents.all()}
    house = wiring.services()
    offers = []
    for name, one in sorted(services(house.config).items()):
        lacks, cost = lacking(house, owner, name, one), price_of(owner, name, one)
        offers.append((name, one, keys.get(name), consents.get((name, one.host)), lacks, cost))
    return {"services": offers, "may_keep": manages(owner)}


@manager_post(back="searches")
def keep(request: HttpRequest, owner: Owner, service: str) -> None:
    """Store the owner's key for a search service."""
    try:
        keep_key(wiring.services(), owner, service, request.POST.get("key", ""), by=request.user.get_username())
    except WrongUseError:
        messages.error(request, _("This is not a valid key. Paste it as the service shows it, on one line."))
    else:
        messages.success(request, _("The key was saved in encrypted form. It will not be shown again."))


@manager_post(back="searches")
def drop(request: HttpRequest, owner: Owner, service: str) -> str:
    """Delete the owner's key for a search service."""
    search_keys.drop_key(owner, service, by=request.user.get_username())
    return _("The key was removed.")


@manager_post(back="searches")
def allow(request: HttpRequest, owner: Owner, service: str) -> None:
    """Allow copies of the owner's works to be sent to a search service."""
    consent(wiring.services(), owner, service, by=request.user.get_username())


@manager_post(back="searches")
def disallow(request: HttpRequest, owner: Owner, service: str) -> None:
    """Withdraw the consent to send copies of works."""
    search_keys.withdraw_consent(owner, service, by=request.user.get_username())


@manager_post(back="searches")
def price(request: HttpRequest, owner: Owner, service: str) -> str:
    """Set the price that the owner's account pays for a search service; without an amount, the public price applies."""
    said = {name: request.POST.get(name, "").strip() for name in ("amount", "requests", "free")}
    count, free = number_in(said["requests"] or "1"), number_in(said["free"] or "0")
    if count is None or free is None:
        raise WrongUseError(Sentence("Enter the numbers of requests in digits."))
    new = Price(amount=said["amount"], requests=count, free=free) if said["amount"] else None
    set_price(wiring.services(), owner, service, new, by=request.user.get_username())
    return _("Saved.")


@decider_form()
def archive(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create a watch that fetches what a web archive has of some domains."""
    house = wiring.services()
    form = WatchForm(request.POST or None, name=watching.free_name(owner, _("From an archive")), archive=True)
    sentences: list[str] = []
    if form.is_valid():
        try:
            given, subjects = form.settings(), form.of_archive()
            name = form.cleaned_data["archive"]
            if request.POST.get("estimate"):
                sentences = archived(captures.estimate(house, [name], given["budget"], subjects))
            else:
                by = request.user.get_username()
                watch = arrange(house, owner, sources=[(crawling.ARCHIVE, name)], by=by, **given, **subjects)
                to_run = request.POST.get("now")
                return run_at_once(request, watch) if to_run else redirect("watch", owner.slug, watch.number)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
    values = {"form": form, "told": sentences}
    return show(request, owner, "web/archive-watch.html", values, status=422 if form.errors else 200)


@decider_form()
def new(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Create a watch that queries a search service with the owner's key."""
    house = wiring.services()
    search_service = service_of(house.config, service)
    form = WatchForm(request.POST or None, name=watching.free_name(owner, search_service.name), service=search_service)
    others = {name: one.name for name, one in services(house.config).items() if one.takes == search_service.takes}
    service_names = [service, *(name for name in request.POST.getlist("also") if name in others and name != service)]
    sentences: list[str] = []
    if form.is_valid():
        try:
            given, subjects = form.settings(), form.subjects(owner)
            if request.POST.get("estimate"):
                sentences = costs(
                    estimate(house, owner, service_names, budget=given["budget"], **subjects), given["budget"]
                )
            else:
                sources, by = [(crawling.SEARCH, name) for name in service_names], request.user.get_username()
                watch = arrange(house, owner, sources=sources, by=by, **given, **subjects)
                to_run = request.POST.get("now")
                return run_at_once(request, watch) if to_run else redirect("watch", owner.slug, watch.number)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
    values = {
        "form": form,
        "service": search_service,
        "lacks": lacking(house, owner, service, search_service),
        "others": [(name, title, name in service_names) for name, title in others.items() if name != service]
        if search_service.takes != "nothing"
        else [],
        "costs": sentences,
    }
    return show(request, owner, "web/search-watch.html", values, status=422 if form.errors else 200)
