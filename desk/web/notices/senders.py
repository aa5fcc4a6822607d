"""Who signs an owner's notices: their list, and the form of one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts.sentences import in_words
from desk.web.common.access import said
from desk.web.common.pages import decider_form, page_at, show
from desk.web.notices import words
from exhibit.errors import WrongUseError
from registry.models import Owner, Sender
from registry.notices import senders


@page_at("o/<slug:slug>/notices/senders/", "senders")
@decider_form("notices/senders/<int:number>", "edit-sender")
def edit_sender(request: HttpRequest, owner: Owner, number: int = 0) -> HttpResponse:
    """The senders, and the form of one: what a letter says of whoever signs, and the file of a business licence."""
    row = senders.sender(owner, number) if number else None
    values, problem = {name: getattr(row, name, "") for name in senders.FIELDS}, ""
    if request.method == "POST":
        by, file = request.user.get_username(), request.FILES.get("file")
        values = {name: said(request.POST.get(name, "")) for name in senders.FIELDS}
        try:
            if row is not None and "remove" in request.POST:
                senders.remove(owner, row.number, by=by)
                messages.success(request, _("The sender is removed. What was signed stays as it is."))
            else:
                data = b"" if file is None else file.read(senders.MAX_FILE + 1)
                name = "" if file is None else file.name or ""
                senders.keep(owner, row.number if row else None, values, by=by, file=data, name=name)
                messages.success(request, _("Saved. Drafts can take this sender."))
            return redirect("senders", slug=owner.slug)
        except WrongUseError as error:
            problem = in_words(error)
    status = 400 if problem else 200
    rows = Sender.objects.filter(owner=owner).defer("file")
    fields = words.sender_fields(values)
    shown = {"senders": rows, "sender": row, "sender_fields": fields, "problem": problem}
    return show(request, owner, "web/sender.html", shown, status)
