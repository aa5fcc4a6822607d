"""Image searches and marketplaces: an owner's own keys, and watches that ask with them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.sentences import in_words
from desk.web.access import decider_view, manages, may_decide, member_view, member_view_of
from desk.web.watch_forms import SearchWatchForm
from desk.web.watch_pages import run_at_once
from exhibit.errors import ExhibitError, WrongUseError
from registry import crawling, searching, watching
from registry.models import Owner, Role, User
from workers import wiring
from workers.search_services import service_of, services, words_of
from workers.searching import keep_key


@require_safe
@member_view
def searches(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The searches that can be asked, and for which of them the owner has a key; never the key itself."""
    keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
    values = {
        "owner": owner,
        "services": [(name, one, keys.get(name)) for name, one in sorted(services(wiring.house().config).items())],
        "may_decide": may_decide(request, owner),
        "may_keep": manages(request, owner),
    }
    return render(request, "web/searches.html", values)


@require_POST
@member_view_of(Role.OWNER)
def keep(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Keep the owner's key for a search."""
    try:
        keep_key(wiring.house(), owner, service, request.POST.get("key", ""), by=_person(request))
    except WrongUseError:
        messages.error(request, _("This can't be a key. Paste it as the service shows it, in one line."))
    else:
        messages.success(request, _("The key is kept, encrypted. It won't be shown again."))
    return redirect("searches", slug=owner.slug)


@require_POST
@member_view_of(Role.OWNER)
def drop(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Forget the owner's key for a search."""
    searching.drop_key(owner, service, by=_person(request))
    messages.success(request, _("The key is removed."))
    return redirect("searches", slug=owner.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@decider_view
def new(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """A watch that asks a search with the owner's key."""
    found = service_of(wiring.house().config, service)
    form = SearchWatchForm(
        request.POST if request.method == "POST" else None,
        name=watching.free_name(owner, found.name),
        searches=found.pace.searches,
        asks_words=not found.takes_pictures,
    )
    if form.is_valid():
        given, words = form.settings(), words_of(form.cleaned_data.get("words", ""))
        source = [(crawling.SEARCH, service)]
        try:
            watch = watching.add_watch(owner, given.pop("name"), source, **given, by=_person(request), words=words)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
        else:
            if request.POST.get("now"):
                return run_at_once(request, watch)
            return redirect("watch", slug=owner.slug, number=watch.number)
    values = {
        "owner": owner,
        "form": form,
        "service": found,
        "has_key": owner.search_keys.filter(service=service).exists(),
    }
    return render(request, "web/search-watch.html", values, status=422 if form.errors else 200)


def _person(request: HttpRequest) -> str:
    assert isinstance(request.user, User)
    return request.user.get_username()
