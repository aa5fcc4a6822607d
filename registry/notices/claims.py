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

from crawler.reading.statements import Stated, What, resellers, squashed, stated_in
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of, registrable_domain
from registry.accounts.models import User
from registry.cases import history, log_entries, recaptures
from registry.cases.licence_check import SEEN, Ledger, ledger_of
from registry.cases.models import Case, CaseEvent, PageReading
from registry.cases.page_readings import page_of
from registry.crawls.models import Canary, Sighting
from registry.db.claimable import UNFINISHED, StepState
from registry.notices.models import ClaimAnswer, Notice, NoticeEvent
from registry.works.ownership import warnings_of

MAX_PAGES, MAX_PLACES, MAX_GROUNDS, MAX_WORDS = 3, 200, 10, 1_000
"""Limits: stored pages and places per case, grounds per point, and characters per answer."""
_CONTEXT = re.compile(
    r"(?<![a-z])(review|critique|criticism|commentary|quotation|citation|essay|parody|satire|obituary|news|thesis|"
    r"rezension|kritik|zitat|nachrichten)(?![a-z])|(评论|书评|影评|引用|新闻|报道|戏仿|论文)",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """Subject of a point. TERM to EARLIER are the warnings of the ownership check."""

    LEDGER = "ledger"
    RESELLER = "reseller"
    STATED = "stated-licence"
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
    def unanswered(self) -> int:
        """Number of points that await a member's answer."""
        return sum(point.answer is None for point in self.points)

    @property
    def friendly_first(self) -> bool:
        """True if a Creative Commons licence is named; a friendly letter should then come before a notice."""
        stated = [each["what"] for point in self.points for each in point.grounds.get("statements", ())]
        return What.CREATIVE_COMMONS in stated

    def record(self) -> list[dict[str, Any]]:
        """Return the points with their answers, as JSON for the log."""
        return [
            {"evidence": [asdict(each) for each in point.evidence], "grounds": dict(point.grounds), "point": point.kind}
            | ({"by": point.answer.by, "words": point.answer.words} if point.answer else {})
            for point in self.points
        ]


def check(cases: Sequence[Case], ledger: Ledger | None = None) -> dict[int, Check]:
    """Run the claim check on cases of one owner, by case number. Nothing is fetched, and no page is parsed."""
    if not cases:
        return {}
    known = _Known(cases, ledger or ledger_of(cases[0].owner_id))
    return {case.number: known.check(case) for case in cases}


def unanswered(checks: Mapping[int, Check]) -> list[str]:
    """Return a sentence for each case whose unanswered points keep a notice from being signed or sent."""
    open_points = {number: case_check.unanswered for number, case_check in checks.items() if case_check.unanswered}
    return [
        ngettext(
            "Case %(case)d: %(n)d point of the claim check has not been answered.",
            "Case %(case)d: %(n)d points of the claim check have not been answered.",
            count,
        )
        % {"case": number, "n": count}
        for number, count in open_points.items()
    ]


def unread(checks: Mapping[int, Check]) -> list[str]:
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


def answer(case: Case, kind: str, mark: str, words: str, *, by: str) -> None:
    """Save and log a member's answer to a point. It is valid until the point's grounds change.

    Raises:
        WrongUseError: The answer is empty, or the point changed since it was shown (:attr:`Point.mark`).
    """
    if not words.strip():
        raise WrongUseError(_("The text is empty."), hint=_("State what you know about it, and the source."))
    points = check([case])[case.number].points
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
        history.record(case, "claim", by, ("claim-answered", {}), words=words)


class _Known:
    """Data about some cases of one owner. The number of queries does not depend on the number of cases."""

    def __init__(self, cases: Sequence[Case], ledger: Ledger) -> None:
        self.ledger = ledger
        owner, ids = cases[0].owner, [case.pk for case in cases]
        prefetch_related_objects(cases, "work__remarks", "work__conflicts", "captures", SEEN)
        for case in cases:
            case.work.owner = owner  # Reuse the cases' own owner object.
        works = [case.work_id for case in cases]
        self.places: dict[int, dict[tuple[bytes, bytes], Sighting]] = defaultdict(dict)
        for row in (row for case in cases for row in case.case_sightings.all()):
            self.places[row.case_id].setdefault(recaptures.place_of(row.sighting), row.sighting)
        kept = [row for case in cases for row in case.captures.all() if row.state == StepState.DONE and page_of(row)]
        self.visits = {
            (row.case_id, *recaptures.place_of(row)): row for row in sorted(kept, key=lambda row: row.number)
        }
        readings = PageReading.objects.filter(capture__in=[row.pk for row in self.visits.values()])
        self.readings = {row.capture_id: row for row in readings.defer("words", "addresses")}
        stating = [pk for case in cases for pk in self._read_visits(case) if self.readings[pk].statements]
        self.words = dict(PageReading.objects.filter(capture__in=stating).values_list("capture", "words"))
        self.answers = {(row.case_id, row.point): row for row in ClaimAnswer.objects.filter(case__in=ids)}
        self.lost = lost(works)
        mails = User.objects.filter(memberships__owner=owner).values_list(Value("mail"), "email")
        key = Func("key", Value("hex"), function="encode", output_field=TextField())
        pages = Canary.objects.filter(owner=owner, removed_at=None).order_by().values_list(Value("page"), key)
        own = list(mails.union(pages))
        self.own_domains = {registrable_domain(mail.rpartition("@")[2]) for what, mail in own if what == "mail"}
        self.own_pages = {bytes.fromhex(page) for what, page in own if what == "page"}
        sold = Case.objects.filter(owner=owner, work__in=works, party__in=list(resellers())).order_by("number")
        self.sold_cases = list(sold.values_list("work", "number"))
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
        seen = list(self.places[case.pk].values())[:MAX_PLACES]
        statements, pages = self._statements(case, seen)
        credited = [found for found in statements if found[0]["what"] is What.RESELLER and found[0]["near"]]
        sold = {
            "cases": [number for work, number in self.sold_cases if work == case.work_id and number != case.number],
            "licences": sorted(number for number, works in self.sold_licences if not works or case.work_id in works),
            "named": sorted({each["name"] for each, _where in credited}),
        }
        licences = self._licences(case, seen)
        stated = [found for found in statements if found[0]["what"] is not What.RESELLER]
        found: list[tuple[str, Mapping[str, Any], Iterable[Evidence]]] = [
            (Kind.LEDGER, {"licences": [each for each, _where in licences]}, [where for _each, where in licences]),
            (Kind.RESELLER, sold, [where for _each, where in credited]),
            (Kind.STATED, {"statements": [each for each, _where in stated]}, [where for _each, where in stated]),
            *_sorted(Kind.EMBEDDED, "hosts", _embedded(seen)),
            *_sorted(Kind.OWN, "places", self._own(case, seen)),
            *_sorted(Kind.CONTEXT, "words", _context(seen)),
            *((kind, details, ()) for kind, details in warnings_of(case.work).items()),
            (Kind.DISPUTES, self.lost.get(case.work_id, {}), ()),
        ]
        points = []
        for kind, grounds, evidence in found:
            told = {name: value[:MAX_GROUNDS] if isinstance(value, list) else value for name, value in grounds.items()}
            if told := {name: value for name, value in told.items() if value}:
                given = self.answers.get((case.pk, kind))
                held = given is not None and canonical(given.grounds) == canonical(told)
                points.append(Point(Kind(kind), told, tuple(evidence)[:MAX_GROUNDS], given if held else None))
        pending = sum(
            self.readings[row.pk].state in UNFINISHED
            for (of, *_place), row in self.visits.items()
            if of == case.pk and row.pk in self.readings
        )
        return Check(tuple(points), len(self.places[case.pk]), pages, pending)

    def _read_visits(self, case: Case) -> list[int]:
        """Return the visits to a case's places whose pages have been read, limited to ``MAX_PAGES``."""
        seen = list(self.places[case.pk].values())[:MAX_PLACES]
        visits = (self.visits.get((case.pk, *recaptures.place_of(sighting))) for sighting in seen)
        pks = [visit.pk for visit in visits if visit is not None]
        return [pk for pk in pks if pk in self.readings and self.readings[pk].is_read][:MAX_PAGES]

    def _statements(self, case: Case, seen: Iterable[Sighting]) -> tuple[list[tuple[dict[str, Any], Evidence]], int]:
        """Return licence statements in the work's metadata, in the newest stored pages, and in text read by a crawl."""
        names = [name for name in map(squashed, _names(case)) if len(name) > 1]
        read = self._read_visits(case)
        work = case.work
        found: list[tuple[dict[str, Any], Evidence]] = []
        for text in (work.rights_statement, *(str(work.metadata.get(name, "")) for name in ("rights", "licence"))):
            own = [each for each in stated_in(text) if each.what is What.CREATIVE_COMMONS]
            found += [({"what": each.what, "name": each.name, "page": ""}, Evidence("", each.words)) for each in own]
        for sighting in seen:
            visit = self.visits.get((case.pk, *recaptures.place_of(sighting)))
            source = visit.pk if visit and visit.pk in read else None
            if source is None:
                stated, words = stated_in(sighting.context), squashed(sighting.context)
            else:
                stated = [Stated(**each) for each in self.readings[source].statements]
                words = self.words.get(source, "")
            credited = any(name in words for name in names)
            for each in stated:
                told = {"what": What(each.what), "name": each.name, "near": each.near, "page": sighting.page_url}
                where = Evidence(sighting.page_url, each.words, source)
                found.append((told | {"credited": credited}, where))
        return sorted(found, key=lambda pair: canonical(pair[0])), len(read)

    def _licences(self, case: Case, seen: Iterable[Sighting]) -> list[tuple[dict[str, Any], Evidence]]:
        """Return licences that name a place: those that cover it, or fail only by their time or territory."""
        found: dict[int, tuple[dict[str, Any], Evidence]] = {}
        for at in seen:
            for number, gap in self.ledger.near(case.work_id, at).items():
                why = {} if gap is None else {"gap": str(gap.gap), "value": gap.value}
                found.setdefault(number, ({"licence": number} | why, Evidence(at.page_url)))
        return [found[number] for number in sorted(found)]

    def _own(self, case: Case, seen: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
        """Yield accounts, sites and pages that may belong to the owner."""
        names = [name for name in map(squashed, (*_names(case), case.owner.slug)) if len(name) > 4]
        for sighting in seen:
            for where in (sighting.party, host_of(sighting.image_url)):
                named = any(name in squashed(where) for name in names)
                if named or registrable_domain(where.partition("/")[0]) in self.own_domains:
                    yield where, Evidence(sighting.page_url)
            if bytes(sighting.page_key) in self.own_pages:
                yield sighting.page_url, Evidence(sighting.page_url)


def _sorted(
    kind: Kind, name: str, found: Iterable[tuple[str, Evidence]]
) -> list[tuple[Kind, dict[str, Any], Iterable[Evidence]]]:
    rows = dict(sorted(found, key=lambda pair: pair[0]))
    return [(kind, {name: list(rows)}, rows.values())]


def _names(case: Case) -> tuple[str, ...]:
    return case.work.author, case.work.credit, case.work.holder, case.owner.name


def _embedded(seen: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
    """Yield third-party hosts from which pages embed the image."""
    for sighting in seen:
        host = registrable_domain(host_of(sighting.image_url))
        if host and host != registrable_domain(sighting.host):
            yield host, Evidence(sighting.page_url, sighting.image_url)


def _context(seen: Iterable[Sighting]) -> Iterator[tuple[str, Evidence]]:
    """Yield words suggesting that the image is quoted, reviewed or reported on."""
    for sighting in seen:
        for text in (sighting.page_title, sighting.context, sighting.page_url):
            for hit in _CONTEXT.finditer(text):
                yield hit[0].casefold(), Evidence(sighting.page_url, text[:300])


def lost(works: Collection[int]) -> Mapping[int, Mapping[str, list[int]]]:
    """Return disputes about works that were lost, by the work's primary key: numbers of ``cases`` and of ``notices``.

    These are cases that were disputed and then licensed or cleared, and notices that were countered without a removal.
    """
    given_up = (Case.Decision.LICENSED, Case.Decision.CLEARED)
    cases = CaseEvent.objects.filter(kind="disputed", case__work__in=works, case__decision__in=given_up)
    about = NoticeEvent.objects.filter(kind=Notice.State.COUNTERED, notice__notice_cases__case__work__in=works)
    notices = about.exclude(notice__state=Notice.State.REMOVED)
    disputes: dict[int, dict[str, list[int]]] = defaultdict(dict)
    queries = (
        cases.values_list(Value("cases"), "case__work", "case__number"),
        notices.values_list(Value("notices"), "notice__notice_cases__case__work", "notice__number"),
    )
    for name, work, number in sorted(queries[0].union(queries[1])):  # The union removes duplicates.
        disputes[work].setdefault(name, []).append(number)
    return disputes
