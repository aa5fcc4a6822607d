"""Work page, exports, deposit records and pictures."""

from collections.abc import Iterable
from functools import partial

from django.contrib import messages
from django.db.models import Prefetch, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control

from desk.api.common.files import build_download_response
from desk.schemas.works import list_expired_matches, list_searches
from desk.texts import metadata_problems, ownership
from desk.texts.masks import describe_masks
from desk.texts.past_searches import describe_relation, describe_search
from desk.web.common.access import clean_text, log_download
from desk.web.common.pages import ErrorMessages, decider_post, get_page, member_page
from desk.web.works.on_hold import build_hold_values
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from registry import scoped
from registry.bundles import deposits
from registry.bundles.bundles import write_to_temporary_file
from registry.cases import work_search
from registry.log.audit_log import EvidenceKind
from registry.matches import proposals
from registry.members import accounts
from registry.models import Case, Owner, WorkPicture
from registry.pictures.previews import LARGE_SIDE, SMALL_SIDE, get_viewable_bytes
from registry.works import exporting
from registry.works.ownership import PROBLEMS, assess_terms, list_warnings
from registry.works.public_works import get_public_url
from registry.works.registration_proofs import get_registration
from registry.works.relations import list_related
from workers import wiring


@decider_post(back="works")
def set_derived_search(request: HttpRequest, owner: Owner) -> None:
    """Turn the search for derived works on or off."""
    accounts.set_option(owner, "derived", enabled=not owner.derived, by=request.user.get_username())


@member_page("web/work.html")
def work(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a work: declarations, warnings, proofs, cases and history."""
    row = scoped.get_work(owner, number)
    row.owner = owner
    pictures = Prefetch("work_pictures", WorkPicture.objects.select_related("picture").order_by("pk"))
    prefetch_related_objects([row], pictures, "remarks", "conflicts")
    remarks = sorted(row.remarks.all(), key=lambda item: (item.answered_at is None, item.answered_at, item.pk))
    case_rows = work_search.annotate_seen_times(scoped.list_owner_cases(owner).filter(work=row, is_related=False))
    history = get_page(request, row.changes.all(), "history")
    cases = get_page(request, case_rows)
    open_count = case_rows.filter(decision="open").count() if cases.has_other_pages() else _count_open(cases)
    return {
        "work": row,
        "pictures": row.work_pictures.all(),
        "public": get_public_url(wiring.services().config, row),
        "masked": [mask.sentence for picture in row.work_pictures.all() for mask in describe_masks(picture)],
        "held": build_hold_values(owner, row),
        "conflict": min(row.conflicts.all(), key=lambda item: item.earlier_registered_at, default=None),
        "doubts": ownership.describe_warnings(list_warnings(row)),
        "remarks": [ownership.describe_remark(remark) for remark in remarks],
        "collections": row.collections.order_by("name"),
        "terms": ownership.build_term_rows(assess_terms(row)),
        "stated": ownership.build_metadata_rows(row.metadata),
        "problems": metadata_problems.describe_problems(row.metadata.get(PROBLEMS, ())),
        "kind": ownership.format_declared("author_kind", row.author_kind),
        "medium": ownership.format_declared("medium", row.medium) if row.medium else "",
        "registration": get_registration(row),
        "origin": proposals.find_origin(row),
        "at_home": proposals.find_own_site_sightings(row),
        "attachments": row.attachments.filter(removed_at=None),
        "page": cases,
        "undecided": open_count,
        "deposits": row.deposits.all(),
        "history": history,
        "changes": [
            (entry, ownership.CHANGE_LABELS.get(entry.kind, entry.kind), ownership.build_change_rows(entry))
            for entry in history
        ],
        "related": [(other, describe_relation(other)) for other in list_related(row)],
        "searches": [describe_search(search) for search in list_searches(row)],
        "seen_before": list_expired_matches(row),
    }


def _count_open(cases: Iterable[Case]) -> int:
    return sum(case.decision == Case.Decision.OPEN for case in cases)


@decider_post()
def export(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send copies for publication, with embedded ownership metadata, as a ZIP."""
    row, fields = scoped.get_work(owner, number), request.POST
    with ErrorMessages(request):
        licensor_url, recipient = (clean_text(fields.get(name, "")) for name in ("licence_url", "mark_for"))
        options = exporting.ExportOptions(licensor_url, "no_training" in fields, "sign" in fields, recipient)
        data = exporting.export_zip(wiring.services(), row, options, by=request.user.get_username())
        return build_download_response(data, exporting.get_zip_name(row), "application/zip")
    return redirect("work", slug=owner.slug, number=number)


@decider_post(back="work")
def make_deposit(request: HttpRequest, owner: Owner, number: int) -> None:
    """Create a deposit record of the current declarations."""
    row = scoped.get_work(owner, number)
    with ErrorMessages(request):
        new_deposit = deposits.make_deposit(wiring.services(), row, by=request.user.get_username())
        messages.success(request, _("Deposit record %(number)d is ready.") % {"number": new_deposit.number})


@member_page()
def deposit(request: HttpRequest, owner: Owner, number: int, deposit: int) -> HttpResponseBase:
    """Send a deposit record with its current timestamp receipts."""
    row = scoped.get_deposit(owner, number, deposit)
    with ErrorMessages(request):
        file = write_to_temporary_file(partial(deposits.write_deposit_zip, wiring.services(), row))
        log_download(request, EvidenceKind.DEPOSIT, owner, number=deposit, work=number)
        name = f"{deposits.get_deposit_file_stem(row)}.zip"
        return build_download_response(file, name, "application/zip")
    return redirect("work", slug=owner.slug, number=number)


@member_page()
def deposit_record(request: HttpRequest, owner: Owner, number: int, deposit: int) -> HttpResponseBase:
    """Send the PDF of a deposit record, in the installation's first language."""
    row = scoped.get_deposit(owner, number, deposit)
    with ErrorMessages(request):
        files = deposits.load_record_files(wiring.services(), row)
        log_download(request, EvidenceKind.DEPOSIT, owner, number=deposit, work=number)
        name, data = min(files.items(), key=lambda item: len(item[0]))
        return build_download_response(data, name, "application/pdf")
    return redirect("work", slug=owner.slug, number=number)


@member_page()
@cache_control(private=True, max_age=3600)
def picture(request: HttpRequest, owner: Owner, digest: str) -> HttpResponse:
    """Return a picture as a reduced JPEG. Original bytes found on the web are never sent to a browser."""
    try:
        picture_digest = Digest.from_hex(digest)
    except ValueError as error:
        raise Http404 from error
    side = LARGE_SIDE if request.GET.get("size") == "large" else SMALL_SIDE
    try:
        return HttpResponse(
            get_viewable_bytes(wiring.services(), scoped.get_picture(owner, picture_digest), side),
            content_type="image/jpeg",
        )
    except ExhibitError as error:
        raise Http404 from error
