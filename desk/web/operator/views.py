"""The operator's pages: system status, settings and timestamp services."""

from collections.abc import Mapping
from functools import partial
from smtplib import SMTPException

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.texts.crawl_refusals import describe_end
from desk.texts.numbers import format_duration, grouped
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text
from desk.web.common.pages import FORM, ErrorMessages, operator_view, require_reauthentication
from exhibit.config.config import FILE_NAME
from exhibit.config.editable_settings import (
    WRITABLE_SETTINGS,
    list_fixed_settings,
    parse_setting,
    read_editable_settings,
)
from exhibit.errors import ExhibitError, InvalidRequestError, is_accepted
from registry import jobs
from registry.db.heartbeats import SILENCE_TIMEOUT
from registry.log import added_services
from registry.log.added_services import list_unused_offers
from registry.log.anchors import get_anchor_configs
from registry.log.site_settings import change_settings, list_pending_restart
from registry.models import AddedTimestampService, Contributor
from registry.notifications.operators import notify_of_address_change
from workers import wiring
from workers.operations import health
from workers.operations.backlog import MAX_COUNTED_ROWS, dismiss_failures, retry_failed
from workers.operations.capacity import COST_PERIOD_DAYS, compute_costs
from workers.operations.status import InstallationStatus, collect_status

COLLECTION_LABELS = {
    "works": gettext_lazy("Registered works"),
    "pictures": gettext_lazy("Pictures seen"),
    "prints": gettext_lazy("Declared fingerprints"),
}
"""Names of index contents."""
SETTING_LABELS = {
    "public_url": (
        gettext_lazy("Public URL"),
        gettext_lazy(
            "URL of this installation, for example https://exhibit.example.org. It appears in emails, "
            "notices and documents, and all their recipients can see it. Set up a proxy with TLS at this "
            "URL first."
        ),
    ),
    "contact": (
        gettext_lazy("Crawler contact"),
        gettext_lazy(
            "An email address or web page that you monitor. The crawler sends it to every site it visits, "
            "so that site operators can complain or opt out."
        ),
    ),
    "operator_name": (
        gettext_lazy("Operator name"),
        gettext_lazy(
            "Sealed documents identify this person or organisation as the sealer. Earlier documents are not changed."
        ),
    ),
    "update_url": (
        gettext_lazy("Update check URL"),
        gettext_lazy(
            "If empty, Exhibit sends no update requests. Otherwise it requests this URL once a day, without "
            "version, contact or cookie; the server learns this machine's address. Use the releases/latest "
            "endpoint of a code hosting API, or a URL that returns one line of text."
        ),
    ),
}
"""Settings that can be changed on the site: label, and a note on costs or disclosed data."""
SERVICE_SETTINGS = (
    "bitcoin_explorer", "key", "chain_id", "contract", "key_file", "password_file", "confirmations", "gas_price",
)  # fmt: skip
"""Form fields of custom timestamp services, besides name, URLs and root certificates."""
MAX_ROOTS_BYTES = 256 * 1024


@require_safe
@operator_view
def operator(request: HttpRequest) -> HttpResponse:
    """Show problems with the steps to fix them, and failed tasks."""
    status = collect_status(wiring.services(), MAX_COUNTED_ROWS)
    checks = health.run_checks(status, wiring.services().config, in_words)
    values = {
        "problems": [check for check in checks if not check.ok],
        "passed": [check for check in checks if check.ok],
        "failures": [
            (jobs.translate_label(failure.step), failure) for failure in status.failures if not failure.dismissed
        ],
        "dismissed": [
            (jobs.translate_label(failure.step), failure) for failure in status.failures if failure.dismissed
        ],
    }
    return render(request, "web/operator.html", values)


@require_safe
@operator_view
def details(request: HttpRequest) -> HttpResponse:
    """Show metrics of the installation."""
    status = collect_status(wiring.services(), MAX_COUNTED_ROWS)
    costs = compute_costs(status.usage_by_step, wiring.services().config.processor_hour_price)
    values = {
        "found": status,
        "steps": [
            (jobs.translate_label(step.step), step, status.usage_by_step.get(step.step))
            for step in status.steps
            if step.waiting_rows or step.under_way or step.failed or step.step in status.usage_by_step
        ],
        "queues": [
            (queue, jobs.list_queue_labels(queue), _describe_waiting_time(status, queue)) for queue in status.queues
        ],
        "indexes": [(COLLECTION_LABELS.get(index.collection, index.collection), index) for index in status.indexes],
        "ended": [(describe_end(reason), count) for reason, count in status.crawls.ended.items()],
        "contributors": Contributor.objects.order_by("pk") if "edge" in status.usage_by_step else (),
        "costs": costs,
        "cost_rows": [(jobs.translate_label(step.step), step) for step in costs.steps],
        "cost_days": COST_PERIOD_DAYS,
        "workers": [(beat, beat.seen_at > status.at - SILENCE_TIMEOUT) for beat in status.heartbeats],
    }
    return render(request, "web/operator-details.html", values)


@require_safe
@operator_view
def list_timestamp_services(request: HttpRequest) -> HttpResponse:
    """Show the timestamp services in use and those that can be added, with the data each receives and its cost."""
    return _render_timestamp_services(request)


def _render_timestamp_services(
    request: HttpRequest, rejected_values: Mapping[str, Mapping[str, str]] | None = None
) -> HttpResponse:
    """Render the page, with rejected input by type of timestamp service."""
    services = wiring.services()
    added = set(AddedTimestampService.objects.values_list("name", flat=True))
    values = {
        "offered": [
            (offer, offer.kind, _(offer.shared_data), _(offer.costs), _(offer.duration))
            for offer in list_unused_offers(services)
        ],
        "used": [
            (service, service.name in added, added_services.redact_urls(service))
            for service in get_anchor_configs(services)
        ],
        "chain_keys": services.config.data_dir / added_services.CHAIN_KEYS_FOLDER,
        "needed": services.config.timestamps_needed,
        "typed": rejected_values or {},
        "opened": dict.fromkeys(rejected_values or (), True),
    }
    return render(request, "web/timestamp-services.html", values, status=422 if rejected_values else 200)


@require_POST
@operator_view
@require_reauthentication
def add_timestamp_service(request: HttpRequest, name: str) -> HttpResponse:
    """Add an offered timestamp service after a test request."""
    with ErrorMessages(request):
        added_services.add_timestamp_service(wiring.services(), name, by=request.user.get_username())
        messages.success(
            request,
            _(
                "The service was added: it responded to the trial request. Exhibit will use it from the next "
                "log checkpoint onwards."
            ),
        )
    return redirect("timestamp-services")


@require_POST
@operator_view
@require_reauthentication
def add_custom_timestamp_service(request: HttpRequest) -> HttpResponse:
    """Add a custom timestamp service after a test request. If the input is rejected, show it again."""
    fields, certificate = request.POST, request.FILES.get("roots")
    with ErrorMessages(request):
        if certificate is not None and (certificate.size or 0) > MAX_ROOTS_BYTES:
            raise InvalidRequestError(_("The root certificate file is too large."))
        if certificate is None and fields.get("kind") == "rfc3161":
            raise InvalidRequestError(_("Choose the file with the root certificates of the service."))
        settings: dict[str, object] = {name: clean_text(fields.get(name, "")) for name in SERVICE_SETTINGS}
        settings["urls"] = fields.get("urls", "").split()
        pem = certificate.read().decode("ascii", "replace") if certificate is not None else ""
        kind, name, by = (
            clean_text(fields.get("kind", "")),
            clean_text(fields.get("name", "")),
            request.user.get_username(),
        )
        added_services.add_custom_service(wiring.services(), kind, name, settings, roots=pem, by=by)
        messages.success(
            request,
            _(
                "The service was added: it responded to the trial request. Exhibit will use it from the next "
                "log checkpoint onwards."
            ),
        )
        return redirect("timestamp-services")
    rejected_values = {name: fields.get(name, "") for name in ("name", "urls", *SERVICE_SETTINGS)}
    return _render_timestamp_services(request, {clean_text(fields.get("kind", "")): rejected_values})


@require_http_methods(FORM)
@operator_view
def site_settings(request: HttpRequest) -> HttpResponse:
    """Show and save the settings that can be changed on the site, with a note on who can see each of them."""
    if request.method == "POST":
        return _write_settings(request)
    config = wiring.services().config
    file_settings, environment_names = read_editable_settings(config.data_dir), list_fixed_settings()
    current_values = {
        name: getattr(config, name) if name in environment_names else file_settings.get(name, "")
        for name in WRITABLE_SETTINGS
    }
    return _render_settings(request, current_values)


@require_reauthentication
def _write_settings(request: HttpRequest) -> HttpResponse:
    submitted_values, by = (
        {name: clean_text(request.POST.get(name, "")) for name in WRITABLE_SETTINGS},
        request.user.get_username(),
    )
    invalid_labels = [
        SETTING_LABELS[name][0]
        for name in WRITABLE_SETTINGS
        if not is_accepted(partial(parse_setting, name), submitted_values[name], InvalidRequestError)
    ]
    if invalid_labels:
        template = _(
            "These values are not valid: %(names)s. A URL starts with https:// or http://; the contact may "
            "also be an email address."
        )
        return _render_settings(request, submitted_values, template % {"names": _(", ").join(map(str, invalid_labels))})
    try:
        changed_settings = change_settings(wiring.services().config, submitted_values, by=by)
    except ExhibitError as error:
        return _render_settings(request, submitted_values, in_words(error))
    if not changed_settings:
        messages.info(request, _("Nothing was changed."))
        return redirect("operator-settings")
    messages.success(request, _("Saved. The change takes effect after a restart."))
    if "public_url" in changed_settings:
        try:
            notify_of_address_change(changed_settings["public_url"], by=by)
        except (OSError, SMTPException):
            messages.warning(request, _("The email that informs the operators could not be sent."))
    return redirect("operator-settings")


def _render_settings(request: HttpRequest, current: Mapping[str, str], problem: str = "") -> HttpResponse:
    config, environment_names = wiring.services().config, list_fixed_settings()
    values = {
        "problem": problem,
        "settings": [
            (
                name,
                label,
                about,
                getattr(config, name) if name in environment_names else current[name],
                name in environment_names,
            )
            for name, (label, about) in SETTING_LABELS.items()
        ],
        "waiting": [SETTING_LABELS[name][0] for name in list_pending_restart(config)],
        "file": config.data_dir / FILE_NAME,
    }
    return render(request, "web/operator-settings.html", values, status=422 if problem else 200)


@require_POST
@operator_view
def remove_timestamp_service(request: HttpRequest, name: str) -> HttpResponse:
    """Remove a timestamp service that was added on the site."""
    with ErrorMessages(request):
        added_services.remove_timestamp_service(name, by=request.user.get_username())
        messages.success(
            request,
            _(
                "The service was removed. Exhibit no longer requests timestamps from it, and keeps the receipts "
                "that it has already received."
            ),
        )
    return redirect("timestamp-services")


def _describe_waiting_time(status: InstallationStatus, queue: str) -> str:
    """Describe the waiting time of the oldest processable row of a queue; empty if there is none."""
    since = status.queues[queue]
    return "" if since is None else format_duration(max(0.0, (status.at - since).total_seconds()))


@require_POST
@operator_view
def retry_failed_tasks(request: HttpRequest) -> HttpResponse:
    """Retry failed rows of a step, for one reason or all."""
    with ErrorMessages(request):
        count = retry_failed(wiring.services().enqueue, *_parse_failure_key(request))
        text = ngettext("%(count)s failed task is being retried.", "%(count)s failed tasks are being retried.", count)
        if count:
            messages.success(request, text % {"count": grouped(count)})
        else:
            messages.info(request, _("There were no failed tasks to retry."))
    return redirect("operator")


@require_POST
@operator_view
def dismiss_failed_tasks(request: HttpRequest) -> HttpResponse:
    """Dismiss failures that cannot be fixed, so that they are no longer reported."""
    with ErrorMessages(request):
        count = dismiss_failures(*_parse_failure_key(request), by=request.user.get_username())
        text = ngettext("%(count)s failed task is now ignored.", "%(count)s failed tasks are now ignored.", count)
        messages.success(request, text % {"count": grouped(count)})
    return redirect("operator")


def _parse_failure_key(request: HttpRequest) -> tuple[str, str | None]:
    """Return the step and the reason in a form, with the line endings of browsers (CRLF) converted to LF."""
    key = request.POST.get("key")
    return clean_text(request.POST.get("step", "")), key and key.replace("\r\n", "\n")
