"""Home page, measured error rates, health check and metrics."""

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
from desk.web.common.access import get_user
from desk.web.middleware.failures import run_checks
from evidence.accuracy.error_rates import DECISION_CLASSES, ErrorRate
from exhibit.config.config import Config
from exhibit.machine import DATABASE_NOT_RESPONDING
from exhibit.types import Decision
from indexer.picture.spaces import PIPELINE
from registry import scoped
from registry.log.accuracy import compute_accuracy, load_joined_counts
from registry.matches import calibrations
from workers import wiring
from workers.operations.checks import check_disk
from workers.operations.metrics import render_metrics
from workers.servers.postgres import is_database_responding
from workers.servers.redis import is_redis_responding

SECONDS_FOR_HEALTH = 1.5


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the cases if the user has exactly one owner, otherwise to the list of owners."""
    owners = scoped.list_owners(get_user(request))
    if len(owners) == 1:
        return redirect("cases", slug=owners[0].slug)
    return redirect("owners")


@require_safe
@login_required
def accuracy(request: HttpRequest) -> HttpResponse:
    """Show the installation's error rates across all owners, based on the logged decisions."""
    accuracy_stats = compute_accuracy()
    rates = [
        (CERTAINTY_LABELS[kind], accuracy_stats.get_rate(kind), _format_interval(accuracy_stats.get_rate(kind)))
        for kind in DECISION_CLASSES
    ]
    return render(request, "web/accuracy.html", {"accuracy": accuracy_stats, "rates": rates, "bounds": _list_bounds()})


def _format_interval(rate: ErrorRate) -> str:
    if not (rate.decided or rate.unknown):
        return _("no decisions yet")
    return " – ".join(f"{end:.2%}" for end in rate.interval)


def _list_bounds() -> list[tuple[str, int, list[int]]]:
    """Return (name, photographs, false alarms per million by certainty class) for the calibrations in use."""
    active_calibration, joined_counts = (
        calibrations.get_active_calibration(PIPELINE),
        load_joined_counts(wiring.services().config),
    )
    if active_calibration is None:
        return []
    bounds = [
        (
            active_calibration.name,
            active_calibration.certain.photographs,
            [active_calibration.get_bound(kind).per_million for kind in DECISION_CLASSES],
        )
    ]
    versions = (
        {(source.stated.pipeline, source.stated.network) for source in joined_counts.sources} if joined_counts else ()
    )
    if joined_counts and versions == {(active_calibration.pipeline, active_calibration.network)}:
        for label, part in (
            (_("Several installations combined"), joined_counts),
            (_("Several installations combined, without the largest"), joined_counts.without_largest),
        ):
            rates = [part.bounds[kind].per_million_at_any_time for kind in DECISION_CLASSES]
            bounds.append((label, part.bounds[Decision.CERTAIN].photographs, rates))
    return bounds


def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 if database and broker respond within :data:`SECONDS_FOR_HEALTH`, otherwise 503.

    The JSON body has a boolean for each check, including one for free disk space, which does not affect the status.
    """
    required_checks = run_checks(
        SECONDS_FOR_HEALTH, database=_is_database_available, broker=lambda: is_redis_responding(settings.CONFIG)
    )
    checks = required_checks | {"disk": check_disk(settings.CONFIG).ok}
    return JsonResponse(checks, status=200 if all(required_checks.values()) else 503)


def _is_database_available() -> bool:
    return is_database_responding(settings.CONFIG, str(settings.DATABASES["default"]["NAME"]))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus metrics for authorised requests, otherwise 404."""
    if not _is_metrics_access_allowed(request, wiring.services().config):
        raise Http404
    if not run_checks(SECONDS_FOR_HEALTH, database=_is_database_available)["database"]:
        return HttpResponse(DATABASE_NOT_RESPONDING, status=503, content_type="text/plain")
    return HttpResponse(render_metrics(wiring.services()), content_type=CONTENT_TYPE_LATEST)


def _is_metrics_access_allowed(request: HttpRequest, config: Config) -> bool:
    """Return True if the request passes every configured check (token, networks); False if none is configured."""
    guard_results = []
    if config.metrics_token:
        credentials = request.headers.get("Authorization", "").encode()
        guard_results.append(hmac.compare_digest(credentials, f"Bearer {config.metrics_token}".encode()))
    if config.metrics_networks:
        try:
            address = ipaddress.ip_address(get_adapter().get_client_ip(request))  # Not the reverse proxy's address.
        except (PermissionDenied, ValueError):
            return False
        guard_results.append(any(address in ipaddress.ip_network(network) for network in config.metrics_networks))
    return bool(guard_results) and all(guard_results)
