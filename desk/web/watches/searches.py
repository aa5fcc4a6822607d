"""Image searches and marketplaces: an owner's keys, consents and prices, and watches that query the services."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts.schedules import describe_archive_estimates, describe_costs
from desk.texts.sentences import in_words
from desk.web.common.access import is_manager, parse_number
from desk.web.common.pages import decider_form, manager_post, member_page, render_page
from desk.web.watches.forms import WatchForm
from desk.web.watches.views import start_watch
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.sentences import Sentence
from exhibit.types import Price
from registry.crawls import archive_captures, crawling, search_keys, watch_settings
from registry.crawls.search_keys import estimate_costs, get_obstacle, get_price, record_consent, set_price, store_key
from registry.crawls.search_services import get_service, load_services
from registry.crawls.watches import set_up_watch
from registry.models import Owner
from workers import wiring


@member_page("web/searches.html")
def searches(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the available search services and the owner's keys and consents. Keys are never shown."""
    keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
    consents = {(row.service, row.host): row for row in owner.search_consents.all()}
    services_in_use = wiring.services()
    rows = []
    for name, service in sorted(load_services(services_in_use.config).items()):
        obstacle, cost = get_obstacle(services_in_use, owner, name, service), get_price(owner, name, service)
        rows.append((name, service, keys.get(name), consents.get((name, service.host)), obstacle, cost))
    return {"services": rows, "may_keep": is_manager(owner)}


@manager_post(back="searches")
def save_key(request: HttpRequest, owner: Owner, service: str) -> None:
    """Store the owner's key for a search service."""
    try:
        store_key(wiring.services(), owner, service, request.POST.get("key", ""), by=request.user.get_username())
    except InvalidRequestError:
        messages.error(request, _("This is not a valid key. Paste it as the service shows it, on one line."))
    else:
        messages.success(request, _("The key was saved in encrypted form. It will not be shown again."))


@manager_post(back="searches")
def delete_service_key(request: HttpRequest, owner: Owner, service: str) -> str:
    """Delete the owner's key for a search service."""
    search_keys.delete_key(owner, service, by=request.user.get_username())
    return _("The key was removed.")


@manager_post(back="searches")
def give_consent(request: HttpRequest, owner: Owner, service: str) -> None:
    """Allow copies of the owner's works to be sent to a search service."""
    record_consent(wiring.services(), owner, service, by=request.user.get_username())


@manager_post(back="searches")
def revoke_consent(request: HttpRequest, owner: Owner, service: str) -> None:
    """Withdraw the consent to send copies of works."""
    search_keys.withdraw_consent(owner, service, by=request.user.get_username())


@manager_post(back="searches")
def set_service_price(request: HttpRequest, owner: Owner, service: str) -> str:
    """Set the owner's price for a search service. Without an amount, the public price applies."""
    fields = {name: request.POST.get(name, "").strip() for name in ("amount", "requests", "free")}
    request_count, free_requests = parse_number(fields["requests"] or "1"), parse_number(fields["free"] or "0")
    if request_count is None or free_requests is None:
        raise InvalidRequestError(Sentence("Enter the numbers of requests in digits."))
    new_price = Price(amount=fields["amount"], requests=request_count, free=free_requests) if fields["amount"] else None
    set_price(wiring.services(), owner, service, new_price, by=request.user.get_username())
    return _("Saved.")


@decider_form()
def create_archive_watch(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create a watch that fetches the captures of given domains from a web archive."""
    services = wiring.services()
    form = WatchForm(
        request.POST or None, name=watch_settings.make_free_name(owner, _("From an archive")), archive=True
    )
    sentences: list[str] = []
    if form.is_valid():
        try:
            options, subjects = form.parse_settings(), form.parse_archive_subjects()
            name = form.cleaned_data["archive"]
            if request.POST.get("estimate"):
                estimates = archive_captures.estimate_runs(services, [name], options["budget"], subjects)
                sentences = describe_archive_estimates(estimates)
            else:
                by = request.user.get_username()
                watch = set_up_watch(services, owner, sources=[(crawling.ARCHIVE, name)], by=by, **options, **subjects)
                run_now = request.POST.get("now")
                return start_watch(request, watch) if run_now else redirect("watch", owner.slug, watch.number)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
    values = {"form": form, "told": sentences}
    return render_page(request, owner, "web/archive-watch.html", values, status=422 if form.errors else 200)


@decider_form()
def create_search_watch(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Create a watch that queries a search service with the owner's key."""
    services = wiring.services()
    search_service = get_service(services.config, service)
    form = WatchForm(
        request.POST or None, name=watch_settings.make_free_name(owner, search_service.name), service=search_service
    )
    alternatives = {
        name: other_service.name
        for name, other_service in load_services(services.config).items()
        if other_service.query_kind == search_service.query_kind
    }
    service_names = [
        service,
        *(name for name in request.POST.getlist("also") if name in alternatives and name != service),
    ]
    sentences: list[str] = []
    if form.is_valid():
        try:
            options, subjects = form.parse_settings(), form.parse_subjects(owner)
            if request.POST.get("estimate"):
                sentences = describe_costs(
                    estimate_costs(services, owner, service_names, budget=options["budget"], **subjects),
                    options["budget"],
                )
            else:
                sources, by = [(crawling.SEARCH, name) for name in service_names], request.user.get_username()
                watch = set_up_watch(services, owner, sources=sources, by=by, **options, **subjects)
                run_now = request.POST.get("now")
                return start_watch(request, watch) if run_now else redirect("watch", owner.slug, watch.number)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
    values = {
        "form": form,
        "service": search_service,
        "lacks": get_obstacle(services, owner, service, search_service),
        "others": [(name, title, name in service_names) for name, title in alternatives.items() if name != service]
        if search_service.query_kind != "nothing"
        else [],
        "costs": sentences,
    }
    return render_page(request, owner, "web/search-watch.html", values, status=422 if form.errors else 200)
