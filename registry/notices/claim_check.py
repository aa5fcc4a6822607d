"""The claim check: points that may weaken a claim, gathered before anybody is accused. It makes no decision.

Each point states its grounds and their source. A member answers it; while a point is unanswered, no notice is signed or
emailed from here. A page's statement about itself is only its party's word: it raises a question but settles nothing.
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

from crawler.reading.statements import RightsStatement, What, resellers, squashed, statements_in
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of, registrable_domain
from registry.accounts.models import User
from registry.cases import history, log_entries, recaptures
from registry.cases.licence_check import SIGHTINGS_PREFETCH, Ledger, load_ledger
from registry.cases.models import Case, CaseEvent, PageReading
from registry.cases.page_readings import page_digest
from registry.crawls.models import Canary, Sighting
from registry.db.claimable import UNFINISHED, StepState
from registry.notices.models import ClaimAnswer, Notice, NoticeEvent
from registry.works.ownership import list_warnings

MAX_PAGES, MAX_PLACES, MAX_GROUNDS, MAX_WORDS = 3, 200, 10, 1_000
"""Limits: stored pages and places per case, grounds per point, and characters per answer."""
_CONTEXT_WORDS = re.compile(
    r"(?<![a-z])(review|critique|criticism|commentary|quotation|citation|essay|parody|satire|obituary|news|thesis|"
    r"rezension|kritik|zitat|nachrichten)(?![a-z])|(评论|书评|影评|引用|新闻|报道|戏仿|论文)",
    re.IGNORECASE,
)


class Kind(StrEnum):
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
class Evidence:
    """Source and wording of a finding."""

    page: str
    words: str = ""
    visit: int | None = None  # The visit whose files contain the page; None for text read by a crawl.


@dataclass(frozen=True, slots=True)
class Point:
    """One point that may weaken the claim."""

    kind: Kind
    grounds: Mapping[str, Any]  # An answer is valid as long as the grounds stay the same.
    evidence: tuple[Evidence, ...]
    answer: ClaimAnswer | None  # A member's answer to these grounds.

    @property
    def mark(self) -> str:
        """Digest that identifies the point with these grounds, as shown to a member."""
        return Digest.of(canonical({"grounds": self.grounds, "kind": self.kind})).hex


@dataclass(frozen=True, slots=True)
class Check:
    """The points of a case."""

    points: tuple[Point, ...]
    places: int  # Places where the case was seen.
    pages: int  # Stored pages that were read.
    pending: int  # Stored pages still to be read.

    @property
    def unanswered_count(self) -> int:
        """Number of points that await a member's answer."""
        return sum(point.answer is None for point in self.points)

    @property
    def friendly_first(self) -> bool:
        """True if a Creative Commons licence is named; a friendly letter should then come before a notice."""
        statement_kinds = [
            statement["what"] for point in self.points for statement in point.grounds.get("statements", ())
        ]
        return What.CREATIVE_COMMONS in statement_kinds

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the points with their answers, as JSON for the log."""
        return [
            {"evidence": [asdict(item) for item in point.evidence], "grounds": dict(point.grounds), "point": point.kind}
            | ({"by": point.answer.by, "words": point.answer.words} if point.answer else {})
            for point in self.points
        ]


def check_cases(cases: Sequence[Case], ledger: Ledger | None = None) -> dict[int, Check]:
    """Run the claim check on cases of one owner, by case number. Nothing is fetched, and no page is parsed."""
    if not cases:
        return {}
    case_data = _CaseData(cases, ledger or load_ledger(cases[0].owner_id))
    return {case.number: case_data.check(case) for case in cases}


def list_unanswered_sentences(checks: Mapping[int, Check]) -> list[str]:
    """Return a sentence for each case whose unanswered points keep a notice from being signed or sent."""
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


def list_unread_sentences(checks: Mapping[int, Check]) -> list[str]:
    """Return a sentence for each case with captured pages that are still to be read."""
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


def save_answer(case: Case, kind: str, mark: str, words: str, *, by: str) -> None:
    """Save and log a member's answer to a point. It is valid until the point's grounds change.

    Raises:
        WrongUseError: The answer is empty, or the point changed since it was shown (:attr:`Point.mark`).
    """
    if not words.strip():
        raise WrongUseError(_("The text is empty."), hint=_("State what you know about it, and the source."))
    points = check_cases([case])[case.number].points
    point = next((point for point in points if (point.kind, point.mark) == (kind, mark)), None)
    if point is None:
        raise WrongUseError(
            _("The point has changed since it was displayed."), hint=_("Read it again, then answer it.")
        )
    grounds, words = dict(point.grounds), words.strip()[:MAX_WORDS]
    with transaction.atomic():
        values = {"grounds": grounds, "words": words, "by": by, "at": now()}
        ClaimAnswer.objects.update_or_create(case=case, point=kind, defaults=values)
        log_entries.log_note(case, "claim answered", by=by, point=kind, grounds=grounds, words=words)
        history.record(case, "claim", by, ("claim-answered", {}), text=words)


class _CaseData:
    """Data about some cases of one owner. The number of queries does not depend on the number of cases."""

    def __init__(self, cases: Sequence[Case], ledger: Ledger) -> None:
        self.ledger = ledger
        owner, ids = cases[0].owner, [case.pk for case in cases]
        prefetch_related_objects(cases, "work__remarks", "work__conflicts", "captures", SIGHTINGS_PREFETCH)
        for case in cases:
            case.work.owner = owner  # Reuse the cases' own owner object.
        works = [case.work_id for case in cases]
        self.places: dict[int, dict[tuple[bytes, bytes], Sighting]] = defaultdict(dict)
        for row in (row for case in cases for row in case.case_sightings.all()):
            self.places[row.case_id].setdefault(recaptures.place_of(row.sighting), row.sighting)
        read_captures = [
            row for case in cases for row in case.captures.all() if row.state == StepState.DONE and page_digest(row)
        ]
        self.visits = {
            (row.case_id, *recaptures.place_of(row)): row for row in sorted(read_captures, key=lambda row: row.number)
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
        self.lost = find_lost_disputes(works)
        mails = User.objects.filter(memberships__owner=owner).values_list(Value("mail"), "email")
        key = Func("key", Value("hex"), function="encode", output_field=TextField())
        pages = Canary.objects.filter(owner=owner, removed_at=None).order_by().values_list(Value("page"), key)
        own_identities = list(mails.union(pages))
        self.own_domains = {
            registrable_domain(mail.rpartition("@")[2]) for kind, mail in own_identities if kind == "mail"
        }
        self.own_pages = {bytes.fromhex(page) for kind, page in own_identities if kind == "page"}
        agency_cases = Case.objects.filter(owner=owner, work__in=works, party__in=list(resellers())).order_by("number")
        self.sold_cases = list(agency_cases.values_list("work", "number"))
        names = {*map(squashed, resellers().values())}
        self.sold_licences = [
            (licence.number, works)
            for licence, works in self.ledger.licences
            if licence.reseller
            or registrable_domain(licence.domain) in resellers()
            or any(name in squashed(licence.licensee) for name in names)
        ]

    def check(self, case: Case) -> Check:
        """Return the claim check of one case."""
        sightings = list(self.places[case.pk].values())[:MAX_PLACES]
        statements, pages = self._find_statements(case, sightings)
        agency_statements = [
            findings for findings in statements if findings[0]["what"] is What.RESELLER and findings[0]["near"]
        ]
        agency_grounds = {
            "cases": [number for work, number in self.sold_cases if work == case.work_id and number != case.number],
            "licences": sorted(number for number, works in self.sold_licences if not works or case.work_id in works),
            "named": sorted({finding["name"] for finding, _where in agency_statements}),
        }
        licences = self._find_licences(case, sightings)
        licence_statements = [findings for findings in statements if findings[0]["what"] is not What.RESELLER]
        findings: list[tuple[str, Mapping[str, Any], Iterable[Evidence]]] = [
            (
                Kind.LEDGER,
                {"licences": [finding for finding, _where in licences]},
                [source for _each, source in licences],
            ),
            (Kind.RESELLER, agency_grounds, [source for _each, source in agency_statements]),
            (
                Kind.STATED_LICENCE,
                {"statements": [finding for finding, _where in licence_statements]},
                [source for _each, source in licence_statements],
            ),
            *_sort_findings(Kind.EMBEDDED, "hosts", _find_embedding_hosts(sightings)),
            *_sort_findings(Kind.OWN, "places", self._find_own_identities(case, sightings)),
            *_sort_findings(Kind.CONTEXT, "words", _find_context_words(sightings)),
            *((kind, details, ()) for kind, details in list_warnings(case.work).items()),
            (Kind.DISPUTES, self.lost.get(case.work_id, {}), ()),
        ]
        points = []
        for kind, grounds, evidence in findings:
            known_grounds = {
                name: value[:MAX_GROUNDS] if isinstance(value, list) else value for name, value in grounds.items()
            }
            if known_grounds := {name: value for name, value in known_grounds.items() if value}:
                saved_answer = self.answers.get((case.pk, kind))
                is_current = saved_answer is not None and canonical(saved_answer.grounds) == canonical(known_grounds)
                points.append(
                    Point(
                        Kind(kind), known_grounds, tuple(evidence)[:MAX_GROUNDS], saved_answer if is_current else None
                    )
                )
        pending = sum(
            self.readings[row.pk].state in UNFINISHED
            for (case_id, *_place), row in self.visits.items()
            if case_id == case.pk and row.pk in self.readings
        )
        return Check(tuple(points), len(self.places[case.pk]), pages, pending)

    def _list_read_visits(self, case: Case) -> list[int]:
        """Return the visits to a case's places whose pages have been read, limited to ``MAX_PAGES``."""
        sightings = list(self.places[case.pk].values())[:MAX_PLACES]
        visits = (self.visits.get((case.pk, *recaptures.place_of(sighting))) for sighting in sightings)
        pks = [visit.pk for visit in visits if visit is not None]
        return [pk for pk in pks if pk in self.readings and self.readings[pk].is_read][:MAX_PAGES]

    def _find_statements(
        self, case: Case, sightings: Iterable[Sighting]
    ) -> tuple[list[tuple[dict[str, Any], Evidence]], int]:
        """Return licence statements in the work's metadata, in the newest stored pages, and in text read by a crawl."""
        names = [name for name in map(squashed, _list_names(case)) if len(name) > 1]
        read_visits = self._list_read_visits(case)
        work = case.work
        findings: list[tuple[dict[str, Any], Evidence]] = []
        for text in (work.rights_statement, *(str(work.metadata.get(name, "")) for name in ("rights", "licence"))):
            work_statements = [
                statement for statement in statements_in(text) if statement.what is What.CREATIVE_COMMONS
            ]
            findings += [
                ({"what": statement.what, "name": statement.name, "page": ""}, Evidence("", statement.words))
                for statement in work_statements
            ]
        for sighting in sightings:
            visit = self.visits.get((case.pk, *recaptures.place_of(sighting)))
            source = visit.pk if visit and visit.pk in read_visits else None
            if source is None:
                statements, words = statements_in(sighting.context), squashed(sighting.context)
            else:
                statements = [RightsStatement(**statement) for statement in self.readings[source].statements]
                words = self.words.get(source, "")
            credited = any(name in words for name in names)
            for statement in statements:
                finding = {
                    "what": What(statement.what),
                    "name": statement.name,
                    "near": statement.near,
                    "page": sighting.page_url,
                }
                evidence = Evidence(sighting.page_url, statement.words, source)
                findings.append((finding | {"credited": credited}, evidence))
        return sorted(findings, key=lambda pair: canonical(pair[0])), len(read_visits)

    def _find_licences(self, case: Case, sightings: Iterable[Sighting]) -> list[tuple[dict[str, Any], Evidence]]:
        """Return licences that name a place: those that cover it, or fail only by their time or territory."""
        findings: dict[int, tuple[dict[str, Any], Evidence]] = {}
        for sighting in sightings:
            for number, gap in self.ledger.near(case.work_id, sighting).items():
                details = {} if gap is None else {"gap": str(gap.gap), "value": gap.value}
                findings.setdefault(number, ({"licence": number} | details, Evidence(sighting.page_url)))
        return [findings[number] for number in sorted(findings)]

    def _find_own_identities(self, case: Case, sightings: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
        """Yield accounts, sites and pages that may belong to the owner."""
        names = [name for name in map(squashed, (*_list_names(case), case.owner.slug)) if len(name) > 4]
        for sighting in sightings:
            for identity in (sighting.party, host_of(sighting.image_url)):
                contains_name = any(name in squashed(identity) for name in names)
                if contains_name or registrable_domain(identity.partition("/")[0]) in self.own_domains:
                    yield identity, Evidence(sighting.page_url)
            if bytes(sighting.page_key) in self.own_pages:
                yield sighting.page_url, Evidence(sighting.page_url)


def _sort_findings(
    kind: Kind, name: str, findings: Iterable[tuple[str, Evidence]]
) -> list[tuple[Kind, dict[str, Any], Iterable[Evidence]]]:
    rows = dict(sorted(findings, key=lambda pair: pair[0]))
    return [(kind, {name: list(rows)}, rows.values())]


def _list_names(case: Case) -> tuple[str, ...]:
    return case.work.author, case.work.credit, case.work.holder, case.owner.name


def _find_embedding_hosts(sightings: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
    """Yield third-party hosts from which pages embed the image."""
    for sighting in sightings:
        host = registrable_domain(host_of(sighting.image_url))
        if host and host != registrable_domain(sighting.host):
            yield host, Evidence(sighting.page_url, sighting.image_url)


def _find_context_words(sightings: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
    """Yield words suggesting that the image is quoted, reviewed or reported on."""
    for sighting in sightings:
        for text in (sighting.page_title, sighting.context, sighting.page_url):
            for hit in _CONTEXT_WORDS.finditer(text):
                yield hit[0].casefold(), Evidence(sighting.page_url, text[:300])


def find_lost_disputes(works: Collection[int]) -> Mapping[int, Mapping[str, list[int]]]:
    """Return disputes about works that were lost, by the work's primary key: numbers of ``cases`` and of ``notices``.

    These are cases that were disputed and then licensed or cleared, and notices that were countered without a removal.
    """
    dismissed_decisions = (Case.Decision.LICENSED, Case.Decision.CLEARED)
    cases = CaseEvent.objects.filter(kind="disputed", case__work__in=works, case__decision__in=dismissed_decisions)
    countered = NoticeEvent.objects.filter(kind=Notice.State.COUNTERED, notice__notice_cases__case__work__in=works)
    notices = countered.exclude(notice__state=Notice.State.REMOVED)
    disputes: dict[int, dict[str, list[int]]] = defaultdict(dict)
    queries = (
        cases.values_list(Value("cases"), "case__work", "case__number"),
        notices.values_list(Value("notices"), "notice__notice_cases__case__work", "notice__number"),
    )
    for name, work, number in sorted(queries[0].union(queries[1])):  # The union removes duplicates.
        disputes[work].setdefault(name, []).append(number)
    return disputes
