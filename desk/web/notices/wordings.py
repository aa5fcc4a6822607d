"""The wording of notices: what is shipped, and what an owner puts in its place."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from desk.texts.sentences import in_words
from desk.web.common.access import manages, member_view_of
from desk.web.common.pages import member_page, show
from desk.web.notices import words
from exhibit.errors import WrongUseError
from registry.models import Notice, NoticeWording, Owner, Role
from registry.notices.notices import LANGUAGES
from workers.notices import wording

KNOWN = {(str(kind), language) for kind, languages in LANGUAGES.items() for language in languages}


@member_page
def wordings(request: HttpRequest, owner: Owner) -> HttpResponse:
    """All wordings, with which of them are the owner's own."""
    own = set(NoticeWording.objects.filter(owner=owner).values_list("kind", "language"))
    rows = [
        (kind, language, words.KINDS[Notice.Kind(kind)], words.LANGUAGES[language], (kind, language) in own)
        for kind, language in sorted(KNOWN)
    ]
    values = {"rows": rows, "may_edit": manages(request, owner)}
    return show(request, owner, "web/notice-wordings.html", values)


@require_http_methods(["GET", "POST"])
@member_view_of(Role.OWNER)
def edit_wording(request: HttpRequest, owner: Owner, kind: str, language: str) -> HttpResponse:
    """One wording: the letter and the part for each work, with the names that are filled in."""
    if (kind, language) not in KNOWN:
        raise Http404
    now, problem = wording.wording(owner, kind, language), ""
    texts = {"subject": now.subject, "body": now.body, "item": now.item}
    if request.method == "POST":
        by = request.user.get_username()
        if "restore" in request.POST:
            wording.restore(owner, kind, language, by=by)
            messages.success(request, _("The shipped wording is in place again."))
            return redirect("wordings", slug=owner.slug)
        texts = {name: request.POST.get(name, "") for name in texts}
        try:
            wording.keep(owner, kind, language, texts, by=by)
            messages.success(request, _("The wording is saved. Drafts use it from now on."))
            return redirect("wordings", slug=owner.slug)
        except WrongUseError as error:
            problem = in_words(error)
    values = {
        "kind": words.KINDS[Notice.Kind(kind)],
        "language": words.LANGUAGES[language],
        "code": language,
        "texts": texts,
        "own": now.own,
        "problem": problem,
        "names": wording.names_for(kind, language),
        "item_names": wording.ITEM,
        "needed": [*wording.NEEDED[Notice.Kind(kind)], *wording.NEEDED_OF_ITEM[Notice.Kind(kind)]],
        "statements": now.statements,
    }
    return show(request, owner, "web/notice-wording.html", values)
