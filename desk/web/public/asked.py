"""Whose picture somebody brings, asked without an account. Closed, removed and unknown works get the same answer."""

from base64 import b64encode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from desk.api.common.files import picture_in
from desk.api.common.limits import one_asked
from desk.api.common.problems import Problem, status_of
from desk.texts.cases import remarks_of
from desk.texts.sentences import in_words
from exhibit.errors import ExhibitError, WrongUseError
from workers.matching.brought import MAX_BROUGHT, NO_CHANGE, Claim, Verdict, brought_limits, change_map, whose
from workers.services import wiring
from workers.services.wiring import Services
from workers.texts.sentences import said_of
from workers.works.opened import public_address

ROBOTS = "User-agent: *\nAllow: /id/\nAllow: /static/\nDisallow: /\n"
SAID = {
    Verdict.SAME: gettext_lazy("The registered file, byte for byte"),
    Verdict.CHANGED: gettext_lazy("The registered picture in another file"),
    Verdict.PART: gettext_lazy("A part of the registered picture"),
    Verdict.PERHAPS: gettext_lazy("Perhaps this picture: the comparison isn't sure"),
}


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What search engines may visit: this question and the public pages. Answers to uploads have no address."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """A form for a picture, and whose it is, as far as works here are opened to everybody."""
    values: dict[str, object] = {"most": MAX_BROUGHT}
    status, headers = 200, {"Cache-Control": "no-store"}
    if request.method == "POST":
        headers["X-Robots-Tag"] = "noindex, nofollow"
        try:
            values |= _answer(request)
        except Problem as problem:
            values["problem"], status = in_words(problem), problem.status
            headers |= problem.headers
        except ExhibitError as error:
            values["problem"], status = in_words(error), status_of(error)
    answer = render(request, "web/ask.html", values, status=status)
    for name, value in headers.items():
        answer.headers[name] = value
    return answer


def _answer(request: HttpRequest) -> dict[str, object]:
    file, services = request.FILES.get("file"), wiring.services()
    with one_asked(request):
        if file is None:
            raise WrongUseError(_("Choose a file."))
        data = picture_in(file, brought_limits(services))
        found = whose(services, data)
        return {"found": found, "claims": [_told(services, claim, data) for claim in found.claims]}


def _told(services: Services, claim: Claim, data: bytes) -> dict[str, object]:
    drawn, compared = change_map(services, claim, data), claim.verification
    told: dict[str, object] = {
        "work": claim.work,
        "address": public_address(services.config, claim.work),
        "verdict": SAID[claim.verdict],
        "words": [] if compared is None else [_(one) % of for one, of in said_of(compared, claim.calibration)],
        "remarks": [] if compared is None else remarks_of(compared.reasons),
    }
    if drawn is not None:
        width, height = drawn.size
        scale = 240 / max(width, height)
        told |= {
            "map": b64encode(drawn.image).decode(),
            "unchanged": drawn.differing < NO_CHANGE,
            "differing": drawn.differing,
            "width": round(width * scale),
            "height": round(height * scale),
            "place": " ".join(f"{x * width * scale:.1f},{y * height * scale:.1f}" for x, y in drawn.place),
            "part": claim.verdict is Verdict.PART and bool(drawn.place),
        }
    return told
