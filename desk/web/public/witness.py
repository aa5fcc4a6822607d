"""What others need to have their logs witnessed here: this installation's card, and the witness itself (C2SP)."""

from allauth.decorators import rate_limit
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from desk.web.common.pages import POST, SAFE, page_at
from workers.alliance import cards, witnessing
from workers.services import wiring


@page_at("witness/card", "partner-card", SAFE)
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def card(request: HttpRequest) -> JsonResponse:
    """Who this installation is: address, key of its log, and key with which it cosigns."""
    return JsonResponse(cards.own_card(wiring.services()), headers={"Access-Control-Allow-Origin": "*"})


@page_at("witness/add-checkpoint", "add-checkpoint", POST)
@csrf_exempt
@rate_limit(action="head")  # type: ignore[untyped-decorator]
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign the head of a log that is known here (C2SP tlog-witness); counted by address, since anybody has heads."""
    try:
        body = request.read(witnessing.MAX_BODY + 1)
        line = witnessing.add_checkpoint(wiring.services(), body)
    except witnessing.NotCosignedError as refusal:
        if refusal.size is not None:
            return HttpResponse(f"{refusal.size}\n", status=refusal.status, content_type="text/x.tlog.size")
        return HttpResponse(f"{refusal.message}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
    return HttpResponse(line, content_type="text/plain; charset=utf-8")
