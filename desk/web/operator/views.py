"""The operator's page: whether all is well, and what to do where it isn't."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from desk.texts.numbers import grouped, lasting
from desk.texts.refusals import end_in_words
from desk.texts.sentences import in_words
from desk.web.common.access import said
from desk.web.common.pages import Telling, operator_view
from registry import jobs
from registry.db.running import SILENT
from registry.log import added_witnesses
from registry.log.added_witnesses import offered
from registry.models import AddedWitness, Contributor
from workers import wiring
from workers.operations import health
from workers.operations.backlog import MOST, dismiss, try_again
from workers.operations.capacity import COST_DAYS, costs_of
from workers.operations.status import Status, status_of

COLLECTIONS = {
    "works": gettext_lazy("Registered works"),
    "pictures": gettext_lazy("Pictures seen"),
    "prints": gettext_lazy("Stated fingerprints"),
}
"""What indexes hold."""


@require_safe
@operator_view
def operator(request: HttpRequest) -> HttpResponse:
    """Whether all is well; else what is amiss, in sentences that say what to do, and what was given up."""
    found = status_of(wiring.services(), MOST)
    checks = health.checks(found, wiring.services().config, in_words)
    values = {
        "amiss": [check for check in checks if not check.ok],
        "well": [check for check in checks if check.ok],
        "failures": [(jobs.in_words(failure.step), failure) for failure in found.failures if not failure.dismissed],
        "dismissed": [(jobs.in_words(failure.step), failure) for failure in found.failures if failure.dismissed],
    }
    return render(request, "web/operator.html", values)


@require_safe
@operator_view
def details(request: HttpRequest) -> HttpResponse:
    """How the installation is, in figures."""
    found = status_of(wiring.services(), MOST)
    costs = costs_of(found.taken, wiring.services().config.processor_hour_price)
    values = {
        "found": found,
        "steps": [
            (jobs.in_words(step.step), step, found.taken.get(step.step))
            for step in found.steps
            if step.waiting or step.under_way or step.failed or step.step in found.taken
        ],
        "queues": [(queue, jobs.taken_by(queue), _waited(found, queue)) for queue in found.queues],
        "indexes": [(COLLECTIONS.get(index.collection, index.collection), index) for index in found.indexes],
        "ended": [(end_in_words(reason), count) for reason, count in found.crawls.ended.items()],
        "contributors": Contributor.objects.order_by("pk") if "edge" in found.taken else (),
        "costs": costs,
        "cost_rows": [(jobs.in_words(step.step), step) for step in costs.steps],
        "cost_days": COST_DAYS,
        "workers": [(beat, beat.seen_at > found.at - SILENT) for beat in found.heartbeats],
    }
    return render(request, "web/operator-details.html", values)


@require_safe
@operator_view
def list_witnesses(request: HttpRequest) -> HttpResponse:
    """The outside witnesses that are asked, and those that can be added, each with what it learns and costs."""
    services = wiring.services()
    added = set(AddedWitness.objects.values_list("name", flat=True))
    values = {
        "offered": [
            (offer, offer.kind, _(offer.learns), _(offer.costs), _(offer.takes)) for offer in offered(services)
        ],
        "used": [(one, one.name in added) for one in services.witnesses],
        "needed": services.config.witnesses_needed,
    }
    return render(request, "web/witnesses.html", values)


@require_POST
@operator_view
def add_witness(request: HttpRequest, name: str) -> HttpResponse:
    """Add a witness that is offered, once it has stamped something for trial."""
    with Telling(request):
        added_witnesses.add_witness(wiring.services(), name, by=request.user.get_username())
        messages.success(request, _("It has answered, and is asked from now on: next for the log's next signed head."))
    return redirect("witnesses")


@require_POST
@operator_view
def remove_witness(request: HttpRequest, name: str) -> HttpResponse:
    """Ask a witness no more that was added here."""
    with Telling(request):
        added_witnesses.remove_witness(name, by=request.user.get_username())
        messages.success(request, _("It is asked no more. What it has given stays."))
    return redirect("witnesses")


def _waited(found: Status, queue: str) -> str:
    """How long the oldest row of a queue has waited that could be taken; empty when none does."""
    since = found.queues[queue]
    return "" if since is None else lasting(max(0.0, (found.at - since).total_seconds()))


@require_POST
@operator_view
def retry(request: HttpRequest) -> HttpResponse:
    """Let what was given up be tried again: rows of a step, those with one reason or all."""
    with Telling(request):
        count = try_again(wiring.services().enqueue, *_given_up(request))
        text = ngettext("%(count)s is tried again.", "%(count)s are tried again.", count)
        if count:
            messages.success(request, text % {"count": grouped(count)})
        else:
            messages.info(request, _("Nothing was left to try again."))
    return redirect("operator")


@require_POST
@operator_view
def leave(request: HttpRequest) -> HttpResponse:
    """Tell no more of what was given up for a reason: nothing can be done about it."""
    with Telling(request):
        count = dismiss(*_given_up(request), by=request.user.get_username())
        text = ngettext("%(count)s is left as it is.", "%(count)s are left as they are.", count)
        messages.success(request, text % {"count": grouped(count)})
    return redirect("operator")


def _given_up(request: HttpRequest) -> tuple[str, str | None]:
    """Which step is meant and for which reason, as rows have it: a form sends other ends of lines."""
    key = request.POST.get("key")
    return said(request.POST.get("step", "")), key and key.replace("\r\n", "\n")
