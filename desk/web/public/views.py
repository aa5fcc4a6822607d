"""The home page, the measured error rates, the health check and the metrics."""

import hmac
import ipaddress

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from desk.texts.cases import CERTAINTY_LABELS
from desk.web.common.access import person_of
from desk.web.middleware.failures import run_checks
from evidence.accuracy.error_rates import CLASSES, Rate
from exhibit.config.config import Config
from exhibit.machine import DATABASE_SILENT
from exhibit.types import Decision
from indexer.picture.spaces import PIPELINE
from registry import scoped
from registry.log.accuracy import compute_accuracy, load_joined_counts
from registry.matches import calibrations
from workers import wiring
from workers.operations.checks import disk_check
from workers.operations.metrics import metrics as house_metrics
from workers.servers.postgres import database_answers
from workers.servers.redis import redis_answers

SECONDS_FOR_HEALTH = 1.5


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the cases if the person has exactly one owner, otherwise to the list of owners."""
    owners = scoped.owners_of(person_of(request))
    if len(owners) == 1:
        return redirect("cases", slug=owners[0].slug)
    return redirect("owners")


@require_safe
@login_required
def accuracy(request: HttpRequest) -> HttpResponse:
    """Show the installation's error rates according to the logged decisions, across all owners."""
    accuracy_stats = compute_accuracy()
    rates = [
        (CERTAINTY_LABELS[kind], accuracy_stats.rate(kind), _interval(accuracy_stats.rate(kind))) for kind in CLASSES
    ]
    return render(request, "web/accuracy.html", {"accuracy": accuracy_stats, "rates": rates, "bounds": _bounds()})


def _interval(rate: Rate) -> str:
    if not (rate.decided or rate.unknown):
        return _("no decisions yet")
    return " – ".join(f"{end:.2%}" for end in rate.interval)


def _bounds() -> list[tuple[str, int, list[int]]]:
    """Return (name, photographs, false alarms per million by class) for the calibrations in use."""
    own, joined = calibrations.get_active(PIPELINE), load_joined_counts(wiring.services().config)
    if own is None:
        return []
    bounds = [(own.name, own.certain.photographs, [own.bound(kind).per_million for kind in CLASSES])]
    versions = {(source.stated.pipeline, source.stated.network) for source in joined.sources} if joined else ()
    if joined and versions == {(own.pipeline, own.network)}:
        for label, part in (
            (_("Several installations combined"), joined),
            (_("… without the largest of them"), joined.without_largest),
        ):
            rates = [part.bounds[kind].per_million_at_any_time for kind in CLASSES]
            bounds.append((label, part.bounds[Decision.CERTAIN].photographs, rates))
    return bounds


def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 if database and broker respond within two seconds, otherwise 503, and whether the disk has room."""
    needed = run_checks(SECONDS_FOR_HEALTH, database=_database_answers, broker=lambda: redis_answers(settings.CONFIG))
    checks = needed | {"disk": disk_check(settings.CONFIG).ok}
    return JsonResponse(checks, status=200 if all(needed.values()) else 503)


def _database_answers() -> bool:
    return database_answers(settings.CONFIG, str(settings.DATABASES["default"]["NAME"]))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus metrics for authorised requests, otherwise 404."""
    if not _may_measure(request, wiring.services().config):
        raise Http404
    if not run_checks(SECONDS_FOR_HEALTH, database=_database_answers)["database"]:
        return HttpResponse(DATABASE_SILENT, status=503, content_type="text/plain")
    return HttpResponse(house_metrics(wiring.services()), content_type=CONTENT_TYPE_LATEST)


def _may_measure(request: HttpRequest, config: Config) -> bool:
    """Return True if the request passes every configured guard. Without any, access is denied."""
    guards = []
    if config.metrics_token:
        credentials = request.headers.get("Authorization", "").encode()
        guards.append(hmac.compare_digest(credentials, f"Bearer {config.metrics_token}".encode()))
    if config.metrics_networks:
        try:
            address = ipaddress.ip_address(get_adapter().get_client_ip(request))  # Not the address of our own proxy.
        except (PermissionDenied, ValueError):
            return False
        guards.append(any(address in ipaddress.ip_network(network) for network in config.metrics_networks))
    return bool(guards) and all(guards)
