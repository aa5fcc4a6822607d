"""Inquiries with agencies that license a work: until the agency has answered, no notice is sent."""

from django.db.models import Case as Choice, Min, When
from django.utils.translation import gettext as _

from crawler.reading.statements import resellers
from exhibit.clock import now
from exhibit.errors import ConflictError, WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.cases import history, log_entries
from registry.cases.models import Case
from registry.cases.record_decision import FINAL_DECISIONS
from registry.db.rows import lock_row, write
from registry.notices.claim_check import Check, Kind
from registry.works.models import Licence

MAX_NAME, MAX_ANSWER_LENGTH, MAX_SUGGESTIONS = 200, 1_000, 20
"""Maximum characters of an agency's name and of its answer; maximum number of suggested agencies."""


def record_inquiry(case: Case, agency: str, *, by: str) -> None:
    """Record that a person is asking an agency whether it sold a licence for this use. Exhibit sends nothing.

    Raises:
        WrongUseError: The name is missing or too long.
        ConflictError: An agency is already being asked, or the case is licensed or cleared.
    """
    agency = " ".join(agency.split())
    if not agency or len(agency) > MAX_NAME:
        raise WrongUseError(
            _("Enter the name of the agency."), hint=_("At most %(most)d characters.") % {"most": MAX_NAME}
        )
    with lock_row(case) as row:
        if row.asked_at is not None:
            raise ConflictError(Sentence("A question to %(agency)s is already open.", agency=row.agency))
        if row.decision in FINAL_DECISIONS:
            raise ConflictError(
                Sentence(
                    "Case %(number)s is licensed or dismissed, so no agency needs to be contacted.", number=row.number
                )
            )
        write(row, agency=agency, asked_at=now())
        history.record(row, "agency", by, ("agency-asked", {"agency": agency}))
        log_entries.log_note(row, "agency asked", by=by, agency=agency)


def record_answer(case: Case, answer: str, *, by: str) -> None:
    """Record the agency's answer in a member's words. Notices may be sent again.

    Raises:
        WrongUseError: The text is empty.
        ConflictError: No agency is being asked.
    """
    answer = answer.strip()[:MAX_ANSWER_LENGTH]
    if not answer:
        raise WrongUseError(_("The text is empty."), hint=_("Record the agency's reply, or that it did not reply."))
    with lock_row(case) as row:
        if row.asked_at is None:
            raise ConflictError(Sentence("No question to an agency is open for case %(number)s.", number=row.number))
        write(row, asked_at=None)
        history.record(row, "agency", by, ("agency-answered", {"agency": row.agency}), text=answer)
        log_entries.log_note(row, "agency answered", by=by, agency=row.agency, words=answer)


def suggest_agencies(owner: Owner, check: Check | None) -> list[str]:
    """Return agencies that may have sold a licence, the most likely first.

    These are the agencies named in the claim check, those that sold the licences it names, and all others that sold
    licences of this owner.
    """
    grounds = next((point.grounds for point in check.points if point.kind is Kind.RESELLER), {}) if check else {}
    past_agencies = Licence.objects.filter(owner=owner).exclude(reseller="").values_list("reseller", flat=True)
    is_likely = When(number__in=grounds.get("licences", ()), then=0)
    names = past_agencies.annotate(rank=Min(Choice(is_likely, default=1))).order_by("rank", "reseller")[
        :MAX_SUGGESTIONS
    ]
    return list(dict.fromkeys([*grounds.get("named", ()), *names]))


def list_known_agencies() -> list[str]:
    """Return the agencies that Exhibit knows by default."""
    return sorted(resellers().values(), key=str.casefold)


def get_site_url(agency: str) -> str:
    """Return the URL of a known agency's site; empty if the agency is unknown."""
    domains = (domain for domain, name in resellers().items() if name.casefold() == agency.casefold())
    return f"https://{domain}/" if (domain := next(domains, "")) else ""
