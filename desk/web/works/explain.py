"""Explanation of why a picture does not match a work, for one uploaded file. The file is stored only on request."""

from base64 import b64encode

from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from desk.api.common.files import read_uploaded_picture
from desk.api.common.limits import limit_member_searches
from desk.api.common.problems import Problem
from desk.texts.cases import describe_remarks
from desk.texts.sentences import in_words
from desk.web.common.pages import decider_form
from exhibit.errors import ExhibitError, InvalidRequestError
from indexer.calibration.filed_pairs import Judgement
from registry import scoped
from registry.cases.history import join_sentences
from registry.matches import explanations
from registry.models import Owner, Work
from workers import wiring

CHOICES = {
    Judgement.COPY: gettext_lazy("This is a copy"),
    Judgement.DIFFERENT: gettext_lazy("These are different pictures"),
}


@decider_form("web/why.html")
def explain_match(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the form and the search result of the file. No case or decision is created."""
    work = scoped.get_work(owner, number)
    values: dict[str, object] = {"work": work, "choices": CHOICES.items()}
    if request.method == "POST":
        try:
            values |= _explain_file(request, work)
        except (ExhibitError, Problem) as error:
            values["error"] = in_words(error)
    return values


def _explain_file(request: HttpRequest, work: Work) -> dict[str, object]:
    file, services, is_stored = request.FILES.get("copy"), wiring.services(), request.POST.get("keep") in CHOICES
    if file is None:
        raise InvalidRequestError(_("Choose a file."))
    data = read_uploaded_picture(file, services.limits)
    with limit_member_searches(request.user.pk or 0):
        explanation = explanations.explain_search(services, work, data)
    if is_stored:
        judgement, by = Judgement(request.POST["keep"]), request.user.get_username()
        explanations.store_pair(services, work, explanation, data, judgement, name=str(file.name), by=by)
    return {
        "explained": explanation,
        "told": join_sentences([*map(in_words, explanation.sentences), *describe_remarks(explanation.reasons)]),
        "before": explanations.list_preceding_works(work, explanation),
        "drawing": b64encode(explanations.draw_alignment(services, work, explanation, data)).decode(),
        "kept": is_stored,
    }
