"""Explanation of why an image does not match a work, for one uploaded file. It is stored only on request."""

from base64 import b64encode

from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from desk.api.common.files import picture_in
from desk.api.common.limits import one_search
from desk.api.common.problems import Problem
from desk.texts.cases import remarks_of
from desk.texts.sentences import in_words
from desk.web.common.pages import decider_form
from exhibit.errors import ExhibitError, WrongUseError
from indexer.calibration.filed_pairs import Judgement
from registry import scoped
from registry.cases.history import join_sentences
from registry.matches import explanations as asking
from registry.models import Owner, Work
from workers import wiring

CHOICES = {
    Judgement.COPY: gettext_lazy("This is a copy"),
    Judgement.DIFFERENT: gettext_lazy("These are different pictures"),
}


@decider_form("web/why.html")
def why(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the form and the search result of the file. Nothing is decided by it."""
    work = scoped.work(owner, number)
    values: dict[str, object] = {"work": work, "choices": CHOICES.items()}
    if request.method == "POST":
        try:
            values |= _answer(request, work)
        except (ExhibitError, Problem) as error:
            values["error"] = in_words(error)
    return values


def _answer(request: HttpRequest, work: Work) -> dict[str, object]:
    file, services, is_kept = request.FILES.get("copy"), wiring.services(), request.POST.get("keep") in CHOICES
    if file is None:
        raise WrongUseError(_("Choose a file."))
    data = picture_in(file, services.limits)
    with one_search(request.user.pk or 0):
        explained = asking.explain_search(services, work, data)
    if is_kept:
        judgement, by = Judgement(request.POST["keep"]), request.user.get_username()
        asking.store_pair(services, work, explained, data, judgement, name=str(file.name), by=by)
    return {
        "explained": explained,
        "told": join_sentences([*map(in_words, explained.sentences), *remarks_of(explained.reasons)]),
        "before": asking.list_preceding_works(work, explained),
        "drawing": b64encode(asking.draw_alignment(services, work, explained, data)).decode(),
        "kept": is_kept,
    }
