"""The claim check, which lists facts that may weaken a claim before a notice is sent. It makes no decision.

Each point states its grounds and their source. Notices can be signed and emailed only after a member has answered all
points. What a page states about its own rights is an unverified statement of the site, so it only raises a point.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Func, TextField, Value, prefetch_related_objects
from django.utils.translation import gettext as _, ngettext

from crawler.reading.statements import RightsStatement, StatementKind, find_statements, load_resellers, squash_text
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import get_registrable_domain, get_url_host
from registry.accounts.models import User
from registry.cases import history, log_entries, recaptures
from registry.cases.licence_check import SIGHTINGS_PREFETCH, Ledger, load_ledger
from registry.cases.models import Case, CaseEvent, PageReading
from registry.cases.page_readings import get_page_digest
from registry.crawls.models import KnownCopy, Sighting
from registry.db.claimable import UNFINISHED, StepState
from registry.notices.models import ClaimAnswer, Notice, NoticeEvent
from registry.works.ownership import list_warnings

MAX_PAGES, MAX_PLACES, MAX_GROUNDS, MAX_ANSWER_LENGTH = 3, 200, 10, 1_000
"""Limits: analysed pages and listed pages per case, grounds per point, and characters per answer."""
_CONTEXT_WORDS = re.compile(
    r"(?<![a-z])(review|critique|criticism|commentary|quotation|citation|essay|parody|satire|obituary|news|thesis|"
    r"rezension|kritik|zitat|nachrichten)(?![a-z])|(评论|书评|影评|引用|新闻|报道|戏仿|论文)",
    re.IGNORECASE,
)


class PointKind(StrEnum):
    """Subject of a point. TERM to EARLIER are the warnings of the ownership check."""

    LEDGER = "ledger"
    RESELLER = "reseller"
    STATED_LICENCE = "stated-licence"
    EMBEDDED = "embedded"
    OWN = "own"
    CONTEXT = "context"
    TERM = "term"
    DEDICATION = "dedication"
    CREDIT = "credit"
    MANIFEST = "manifest"
    EARLIER = "earlier"
    DISPUTES = "disputes"


@dataclass(frozen=True, slots=True)
class PointEvidence:
    """Source and wording of a finding."""

    page: str
    words: str = ""
    visit: int | None = None  # The visit with the page's files; None for text from a crawl.


@dataclass(frozen=True, slots=True)
class Point:
    """One point that may weaken the claim."""

    kind: PointKind
    grounds: Mapping[str, Any]  # A member's answer is valid as long as these do not change.
    evidence: tuple[PointEvidence, ...]
    answer: ClaimAnswer | None  # A member's answer to these grounds.

    @property
    def version_digest(self) -> str:
        """Digest of the point and its grounds, which shows that a member saw this version."""
        return Digest.from_bytes(encode_canonical({"grounds": self.grounds, "kind": self.kind})).hex


@dataclass(frozen=True, slots=True)
class CaseClaimCheck:
    """The claim check of a case: its points, and the pages on which they are based."""

    points: tuple[Point, ...]
    places: int  # Number of pages on which the picture was seen.
    pages: int  # Number of stored pages that were analysed.
    pending: int  # Number of stored pages that are not analysed yet.

    @property
    def unanswered_count(self) -> int:
        """Number of points that await a member's answer."""
        return sum(point.answer is None for point in self.points)

    @property
    def suggests_friendly_letter(self) -> bool:
        """True if a Creative Commons licence is named, so that a friendly letter may be preferable to a notice."""
        statement_kinds = [
            statement["what"] for point in self.points for statement in point.grounds.get("statements", ())
        ]
        return StatementKind.CREATIVE_COMMONS in statement_kinds

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the points with the members' answers, as JSON for the log."""
        return [
            {"evidence": [asdict(item) for item in point.evidence], "grounds": dict(point.grounds), "point": point.kind}
            | ({"by": point.answer.by, "words": point.answer.words} if point.answer else {})
            for point in self.points
        ]


def check_cases(cases: Sequence[Case], ledger: Ledger | None = None) -> dict[int, CaseClaimCheck]:
    """Run the claim check on cases of one owner; return the results by case number.

    Only stored data is used: no page is fetched or parsed.
    """
    if not cases:
        return {}
    case_data = _CaseData(cases, ledger or load_ledger(cases[0].owner_id))
    return {case.number: case_data.check_case(case) for case in cases}


def list_unanswered_sentences(checks: Mapping[int, CaseClaimCheck]) -> list[str]:
    """Return a sentence for each case with unanswered points, which prevent signing and sending of a notice."""
    open_points = {
        number: case_check.unanswered_count for number, case_check in checks.items() if case_check.unanswered_count
    }
    return [
        ngettext(
            "Case %(case)d: %(n)d point of the claim check has not been answered.",
            "Case %(case)d: %(n)d points of the claim check have not been answered.",
            count,
        )
        % {"case": number, "n": count}
        for number, count in open_points.items()
    ]


def list_unread_sentences(checks: Mapping[int, CaseClaimCheck]) -> list[str]:
    """Return a sentence for each case with captured pages that are not analysed yet."""
    return [
        ngettext(
            "Case %(case)d: %(n)d captured page has not been analysed yet.",
            "Case %(case)d: %(n)d captured pages have not been analysed yet.",
            case_check.pending,
        )
        % {"case": number, "n": case_check.pending}
        for number, case_check in checks.items()
        if case_check.pending
    ]


def save_answer(case: Case, kind: str, digest: str, text: str, *, by: str) -> None:
    """Save and log a member's answer to a point. It is valid until the point's grounds change.

    Raises:
        InvalidRequestError: The answer is empty, or the point has changed since it was shown (``digest`` is outdated).
    """
    if not text.strip():
        raise InvalidRequestError(
            _("The text is empty."), hint=_("Enter what you know about the point, and the source of this information.")
        )
    points = check_cases([case])[case.number].points
    point = next((point for point in points if (point.kind, point.version_digest) == (kind, digest)), None)
    if point is None:
        raise InvalidRequestError(
            _("The point has changed since it was displayed."), hint=_("Read the point again, then answer it.")
        )
    grounds, text = dict(point.grounds), text.strip()[:MAX_ANSWER_LENGTH]
    with transaction.atomic():
        values = {"grounds": grounds, "words": text, "by": by, "at": now()}
        ClaimAnswer.objects.update_or_create(case=case, point=kind, defaults=values)
        log_entries.log_action(case, "claim answered", by=by, point=kind, grounds=grounds, words=text)
        history.record_event(case, "claim", by, ("claim-answered", {}), text=text)


class _CaseData:
    """Data about some cases of one owner. The number of queries does not depend on the number of cases."""

    def __init__(self, cases: Sequence[Case], ledger: Ledger) -> None:
        self.ledger = ledger
        owner, ids = cases[0].owner, [case.pk for case in cases]
        prefetch_related_objects(cases, "work__remarks", "work__conflicts", "captures", SIGHTINGS_PREFETCH)
        for case in cases:
            case.work.owner = owner  # Reuse the owner object of the cases.
        works = [case.work_id for case in cases]
        self.places: dict[int, dict[tuple[bytes, bytes], Sighting]] = defaultdict(dict)
        for row in (row for case in cases for row in case.case_sightings.all()):
            self.places[row.case_id].setdefault(recaptures.get_place_key(row.sighting), row.sighting)
        read_captures = [
            row for case in cases for row in case.captures.all() if row.state == StepState.DONE and get_page_digest(row)
        ]
        self.visits = {
            (row.case_id, *recaptures.get_place_key(row)): row
            for row in sorted(read_captures, key=lambda row: row.number)
        }
        readings = PageReading.objects.filter(capture__in=[row.pk for row in self.visits.values()])
        self.readings = {row.capture_id: row for row in readings.defer("words", "addresses")}
        captures_with_statements = [
            pk for case in cases for pk in self._list_read_visits(case) if self.readings[pk].statements
        ]
        self.words = dict(
            PageReading.objects.filter(capture__in=captures_with_statements).values_list("capture", "words")
        )
        self.answers = {(row.case_id, row.point): row for row in ClaimAnswer.objects.filter(case__in=ids)}
        self.lost_disputes = find_lost_disputes(works)
        mail_addresses = User.objects.filter(memberships__owner=owner).values_list(Value("mail"), "email")
        key = Func("key", Value("hex"), function="encode", output_field=TextField())
        pages = KnownCopy.objects.filter(owner=owner, removed_at=None).order_by().values_list(Value("page"), key)
        own_identities = list(mail_addresses.union(pages))
        self.own_domains = {
            get_registrable_domain(mail.rpartition("@")[2]) for kind, mail in own_identities if kind == "mail"
        }
        self.own_pages = {bytes.fromhex(page) for kind, page in own_identities if kind == "page"}
        reseller_cases = Case.objects.filter(owner=owner, work__in=works, party__in=list(load_resellers())).order_by(
            "number"
        )
        self.reseller_cases = list(reseller_cases.values_list("work", "number"))
        names = {*map(squash_text, load_resellers().values())}
        self.reseller_licences = [
            (licence.number, works)
            for licence, works in self.ledger.licences
            if licence.reseller
            or get_registrable_domain(licence.domain) in load_resellers()
            or any(name in squash_text(licence.licensee) for name in names)
        ]

    def check_case(self, case: Case) -> CaseClaimCheck:
        """Return the claim check of one case."""
        sightings = list(self.places[case.pk].values())[:MAX_PLACES]
        statements, page_count = self._find_statements(case, sightings)
        reseller_statements = [
            findings for findings in statements if findings[0]["what"] is StatementKind.RESELLER and findings[0]["near"]
        ]
        reseller_grounds = {
            "cases": [number for work, number in self.reseller_cases if work == case.work_id and number != case.number],
            "licences": sorted(
                number for number, works in self.reseller_licences if not works or case.work_id in works
            ),
            "named": sorted({finding["name"] for finding, _source in reseller_statements}),
        }
        licences = self._find_licences(case, sightings)
        licence_statements = [findings for findings in statements if findings[0]["what"] is not StatementKind.RESELLER]
        findings: list[tuple[str, Mapping[str, Any], Iterable[PointEvidence]]] = [
            (
                PointKind.LEDGER,
                {"licences": [finding for finding, _source in licences]},
                [source for _statement, source in licences],
            ),
            (PointKind.RESELLER, reseller_grounds, [source for _statement, source in reseller_statements]),
            (
                PointKind.STATED_LICENCE,
                {"statements": [finding for finding, _source in licence_statements]},
                [source for _statement, source in licence_statements],
            ),
            *_sort_findings(PointKind.EMBEDDED, "hosts", _find_embedding_hosts(sightings)),
            *_sort_findings(PointKind.OWN, "places", self._find_own_identities(case, sightings)),
            *_sort_findings(PointKind.CONTEXT, "words", _find_context_words(sightings)),
            *((kind, details, ()) for kind, details in list_warnings(case.work).items()),
            (PointKind.DISPUTES, self.lost_disputes.get(case.work_id, {}), ()),
        ]
        points = []
        for kind, grounds, evidence in findings:
            known_grounds = {
                name: value[:MAX_GROUNDS] if isinstance(value, list) else value for name, value in grounds.items()
            }
            if known_grounds := {name: value for name, value in known_grounds.items() if value}:
                saved_answer = self.answers.get((case.pk, kind))
                is_current = saved_answer is not None and encode_canonical(saved_answer.grounds) == encode_canonical(
                    known_grounds
                )
                points.append(
                    Point(
                        PointKind(kind),
                        known_grounds,
                        tuple(evidence)[:MAX_GROUNDS],
                        saved_answer if is_current else None,
                    )
                )
        pending_count = sum(
            self.readings[row.pk].state in UNFINISHED
            for (case_id, *_place), row in self.visits.items()
            if case_id == case.pk and row.pk in self.readings
        )
        return CaseClaimCheck(tuple(points), len(self.places[case.pk]), page_count, pending_count)

    def _list_read_visits(self, case: Case) -> list[int]:
        """Return up to ``MAX_PAGES`` visits to a case's pages whose content was analysed."""
        sightings = list(self.places[case.pk].values())[:MAX_PLACES]
        visits = (self.visits.get((case.pk, *recaptures.get_place_key(sighting))) for sighting in sightings)
        pks = [visit.pk for visit in visits if visit is not None]
        return [pk for pk in pks if pk in self.readings and self.readings[pk].is_read][:MAX_PAGES]

    def _find_statements(
        self, case: Case, sightings: Iterable[Sighting]
    ) -> tuple[list[tuple[dict[str, Any], PointEvidence]], int]:
        """Return licence statements in the work's metadata, the newest stored pages and text from crawls.

        Also return the number of stored pages that were analysed.
        """
        names = [name for name in map(squash_text, _list_names(case)) if len(name) > 1]
        read_visits = self._list_read_visits(case)
        work = case.work
        findings: list[tuple[dict[str, Any], PointEvidence]] = []
        for text in (work.rights_statement, *(str(work.metadata.get(name, "")) for name in ("rights", "licence"))):
            work_statements = [
                statement for statement in find_statements(text) if statement.what is StatementKind.CREATIVE_COMMONS
            ]
            findings += [
                ({"what": statement.what, "name": statement.name, "page": ""}, PointEvidence("", statement.words))
                for statement in work_statements
            ]
        for sighting in sightings:
            visit = self.visits.get((case.pk, *recaptures.get_place_key(sighting)))
            source = visit.pk if visit and visit.pk in read_visits else None
            if source is None:
                statements, text_words = find_statements(sighting.context), squash_text(sighting.context)
            else:
                statements = [RightsStatement(**statement) for statement in self.readings[source].statements]
                text_words = self.words.get(source, "")
            is_credited = any(name in text_words for name in names)
            for statement in statements:
                finding = {
                    "what": StatementKind(statement.what),
                    "name": statement.name,
                    "near": statement.near,
                    "page": sighting.page_url,
                }
                evidence = PointEvidence(sighting.page_url, statement.words, source)
                findings.append((finding | {"credited": is_credited}, evidence))
        return sorted(findings, key=lambda pair: encode_canonical(pair[0])), len(read_visits)

    def _find_licences(self, case: Case, sightings: Iterable[Sighting]) -> list[tuple[dict[str, Any], PointEvidence]]:
        """Return licences that cover a page of the case, or that do not cover it only because of time or territory."""
        findings: dict[int, tuple[dict[str, Any], PointEvidence]] = {}
        for sighting in sightings:
            for number, obstacle in self.ledger.find_licences_for_place(case.work_id, sighting).items():
                details = {} if obstacle is None else {"gap": str(obstacle.reason), "value": obstacle.value}
                findings.setdefault(number, ({"licence": number} | details, PointEvidence(sighting.page_url)))
        return [findings[number] for number in sorted(findings)]

    def _find_own_identities(self, case: Case, sightings: Iterable[Sighting]) -> Iterator[tuple[str, PointEvidence]]:
        """Yield accounts, sites and pages that may belong to the owner."""
        names = [name for name in map(squash_text, (*_list_names(case), case.owner.slug)) if len(name) > 4]
        for sighting in sightings:
            for identity in (sighting.party, get_url_host(sighting.image_url)):
                contains_name = any(name in squash_text(identity) for name in names)
                if contains_name or get_registrable_domain(identity.partition("/")[0]) in self.own_domains:
                    yield identity, PointEvidence(sighting.page_url)
            if bytes(sighting.page_key) in self.own_pages:
                yield sighting.page_url, PointEvidence(sighting.page_url)


def _sort_findings(
    kind: PointKind, name: str, findings: Iterable[tuple[str, PointEvidence]]
) -> list[tuple[PointKind, dict[str, Any], Iterable[PointEvidence]]]:
    rows = dict(sorted(findings, key=lambda pair: pair[0]))
    return [(kind, {name: list(rows)}, rows.values())]


def _list_names(case: Case) -> tuple[str, ...]:
    return case.work.author, case.work.credit, case.work.holder, case.owner.name


def _find_embedding_hosts(sightings: Iterable[Sighting]) -> Iterator[tuple[str, PointEvidence]]:
    """Yield third-party hosts from which pages embed the image."""
    for sighting in sightings:
        host = get_registrable_domain(get_url_host(sighting.image_url))
        if host and host != get_registrable_domain(sighting.host):
            yield host, PointEvidence(sighting.page_url, sighting.image_url)


def _find_context_words(sightings: Iterable[Sighting]) -> Iterator[tuple[str, PointEvidence]]:
    """Yield words suggesting that the image is quoted, reviewed or reported on."""
    for sighting in sightings:
        for text in (sighting.page_title, sighting.context, sighting.page_url):
            for hit in _CONTEXT_WORDS.finditer(text):
                yield hit[0].casefold(), PointEvidence(sighting.page_url, text[:300])


def find_lost_disputes(works: Collection[int]) -> Mapping[int, Mapping[str, list[int]]]:
    """Return lost disputes by the work's primary key, as numbers of ``cases`` and of ``notices``.

    These are disputed cases that were then licensed or dismissed, and notices with a counter-notice and no removal.
    """
    dismissed_decisions = (Case.Decision.LICENSED, Case.Decision.DISMISSED)
    cases = CaseEvent.objects.filter(kind="disputed", case__work__in=works, case__decision__in=dismissed_decisions)
    countered_events = NoticeEvent.objects.filter(
        kind=Notice.State.COUNTERED, notice__notice_cases__case__work__in=works
    )
    notices = countered_events.exclude(notice__state=Notice.State.REMOVED)
    disputes: dict[int, dict[str, list[int]]] = defaultdict(dict)
    queries = (
        cases.values_list(Value("cases"), "case__work", "case__number"),
        notices.values_list(Value("notices"), "notice__notice_cases__case__work", "notice__number"),
    )
    for name, work, number in sorted(queries[0].union(queries[1])):  # A union, because it removes duplicates.
        disputes[work].setdefault(name, []).append(number)
    return disputes
