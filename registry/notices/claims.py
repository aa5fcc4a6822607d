"""What members have said to points of the claim check, the last word of each, and disputes that works have lost."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Value

from exhibit.clock import now
from registry.cases import history
from registry.log import audit_log
from registry.models import Case, CaseEvent, ClaimAnswer, Notice, NoticeEvent


def keep_answer(case: Case, point: str, grounds: Mapping[str, Any], words: str, *, by: str) -> None:
    """Keep what a member said to a point as it was shown, and tell the log, which keeps earlier answers, too."""
    with transaction.atomic():
        told = {"grounds": dict(grounds), "words": words, "by": by, "at": now()}
        ClaimAnswer.objects.update_or_create(case=case, point=point, defaults=told)
        audit_log.noted(case, "claim answered", by=by, point=point, grounds=dict(grounds), words=words)
        history.record(case, "claim", by, ("claim-answered", {}), words=words)


def lost(works: Collection[int]) -> Mapping[int, Mapping[str, list[int]]]:
    """Disputes that works have lost, by primary key: numbers of ``cases`` and of ``notices``.

    Cases that were decided, disputed, and then licensed or cleared; notices that were countered, with nothing removed.
    """
    given_up = (Case.Decision.LICENSED, Case.Decision.CLEARED)
    cases = CaseEvent.objects.filter(kind="disputed", case__work__in=works, case__decision__in=given_up)
    about = NoticeEvent.objects.filter(kind=Notice.State.COUNTERED, notice__notice_cases__case__work__in=works)
    notices = about.exclude(notice__state=Notice.State.REMOVED)
    found: dict[int, dict[str, list[int]]] = defaultdict(dict)
    told = (
        cases.values_list(Value("cases"), "case__work", "case__number"),
        notices.values_list(Value("notices"), "notice__notice_cases__case__work", "notice__number"),
    )
    for name, work, number in sorted(told[0].union(told[1])):  # a union leaves out what is the same
        found[work].setdefault(name, []).append(number)
    return found
