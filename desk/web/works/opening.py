"""Opening a work to everybody and closing it again, as its page offers it."""

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.web.common.access import Telling, decider_post, said
from registry.accounts import scoped
from registry.models import Owner
from workers.works.opened import close_work, open_work


@decider_post
def open_to_all(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Show a work to everybody on a public page, or give that page another contact."""
    row, contact = scoped.work(owner, number), said(request.POST.get("contact", ""))
    with Telling(request):
        open_work(row, contact=contact, by=request.user.get_username())
        messages.success(request, _("Everybody may see the public page of this work now."))
    return redirect("work", slug=owner.slug, number=number)


@decider_post
def close(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Close a work's public page: its address answers as if it had never been."""
    close_work(scoped.work(owner, number), by=request.user.get_username())
    messages.success(request, _("The public page is closed."))
    return redirect("work", slug=owner.slug, number=number)
