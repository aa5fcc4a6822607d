"""Known copies that a watch has to find: planted and withdrawn on its page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.web.common.access import number_in, said
from desk.web.common.pages import decider_post
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from registry.accounts import scoped
from registry.crawls import canaries
from registry.models import Owner
from workers.crawls import watches
from workers.services import wiring


@decider_post
def plant(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Say that a page of the owner's shows a known copy of a work."""
    watch = scoped.watch_numbered(owner, number)
    url, work = said(request.POST.get("url", "")), said(request.POST.get("work", ""))
    try:
        shown = scoped.work(owner, number_in(work) or 0)
        watches.plant(wiring.services(), shown, watch, url, by=request.user.get_username())
    except NotFoundError:
        messages.error(request, _("There is no work with this number."))
    except RefusedError:
        messages.error(request, _("This isn't the address of a page: give it as http:// or https://."))
    except WrongUseError:
        messages.error(request, _("This watch visits no pages, so it can't find one."))
    else:
        messages.success(request, _("From its next run on, this watch has to find it."))
    return redirect("watch", slug=owner.slug, number=number)


@decider_post
def withdraw(request: HttpRequest, owner: Owner, number: int, canary: int) -> HttpResponse:
    """Expect a known copy no longer."""
    row = scoped.canary(owner, canary)
    canaries.withdraw(row, by=request.user.get_username())
    messages.success(request, _("It is no longer expected. What earlier runs made of it stays."))
    return redirect("watch", slug=owner.slug, number=number)
