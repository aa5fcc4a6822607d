"""Inquiries to agencies that may have licensed a work. Until an agency has replied, no notice is sent."""

from django.db.models import Case as Choice, Min, When
from django.utils.translation import gettext as _

from crawler.reading.statements import load_resellers
from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.cases import history, log_entries
from registry.cases.models import Case
from registry.cases.record_decision import FINAL_DECISIONS
from registry.db.rows import lock_row, update_row
from registry.notices.claim_check import CaseClaimCheck, PointKind
from registry.works.models import Licence

MAX_NAME_LENGTH, MAX_REPLY_LENGTH, MAX_SUGGESTIONS = 200, 1_000, 20
"""Maximum characters of an agency's name and of its reply; maximum number of suggested agencies."""


def record_inquiry(case: Case, agency: str, *, by: str) -> None:
    """Record that a member has asked an agency whether it licensed this use. Exhibit sends nothing.

    Raises:
        InvalidRequestError: The name is missing or too long.
        ConflictError: An inquiry is already open, or the case is licensed or dismissed.
    """
    agency = " ".join(agency.split())
    if not agency or len(agency) > MAX_NAME_LENGTH:
        raise InvalidRequestError(
            _("Enter the name of the agency."), hint=_("At most %(most)d characters.") % {"most": MAX_NAME_LENGTH}
        )
    with lock_row(case) as row:
        if row.agency_asked_at is not None:
            raise ConflictError(Sentence("An inquiry to %(agency)s is already open.", agency=row.agency))
        if row.decision in FINAL_DECISIONS:
            raise ConflictError(
                Sentence(
                    "Case %(number)s is licensed or dismissed, so no agency needs to be contacted.", number=row.number
                )
            )
        update_row(row, agency=agency, agency_asked_at=now())
        history.record_event(row, "agency", by, ("agency-asked", {"agency": agency}))
        log_entries.log_action(row, "agency asked", by=by, agency=agency)


def record_reply(case: Case, reply: str, *, by: str) -> None:
    """Record the agency's reply, as described by a member. Notices may be sent again.

    Raises:
        InvalidRequestError: The text is empty.
        ConflictError: No inquiry is open.
    """
    reply = reply.strip()[:MAX_REPLY_LENGTH]
    if not reply:
        raise InvalidRequestError(
            _("The text is empty."), hint=_("Record the agency's reply, or that it did not reply.")
        )
    with lock_row(case) as row:
        if row.agency_asked_at is None:
            raise ConflictError(Sentence("No inquiry to an agency is open for case %(number)s.", number=row.number))
        update_row(row, agency_asked_at=None)
        history.record_event(row, "agency", by, ("agency-answered", {"agency": row.agency}), text=reply)
        log_entries.log_action(row, "agency answered", by=by, agency=row.agency, words=reply)


def suggest_agencies(owner: Owner, check: CaseClaimCheck | None) -> list[str]:
    """Return agencies that may have granted a licence, the most likely first.

    These are the agencies named in the claim check, the agencies that granted the licences named there, and all other
    agencies in this owner's licences.
    """
    grounds = next((point.grounds for point in check.points if point.kind is PointKind.RESELLER), {}) if check else {}
    past_agencies = Licence.objects.filter(owner=owner).exclude(reseller="").values_list("reseller", flat=True)
    is_likely = When(number__in=grounds.get("licences", ()), then=0)
    names = past_agencies.annotate(rank=Min(Choice(is_likely, default=1))).order_by("rank", "reseller")[
        :MAX_SUGGESTIONS
    ]
    return list(dict.fromkeys([*grounds.get("named", ()), *names]))


def list_known_agencies() -> list[str]:
    """Return the built-in list of agencies."""
    return sorted(load_resellers().values(), key=str.casefold)


def get_site_url(agency: str) -> str:
    """Return the URL of a built-in agency's website; empty if the agency is unknown."""
    domains = (domain for domain, name in load_resellers().items() if name.casefold() == agency.casefold())
    return f"https://{domain}/" if (domain := next(domains, "")) else ""
