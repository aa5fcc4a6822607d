"""Other works of the same owner that also match the found pictures of a case."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from exhibit.types import Decision
from registry.cases.models import Case

MAX_WORKS = 8
"""Maximum number of works listed for a case, the most certain first; one logo may match many works."""


@dataclass(frozen=True, slots=True)
class OtherWork:
    """Another work that also matches a found picture of a case."""

    number: int
    title: str
    file: str  # the original file name
    decision: Decision  # ``certain`` or ``review``: the decision of the most certain match


def find_other_works(cases: Iterable[Case]) -> dict[int, list[OtherWork]]:
    """Return the other works of the same owner that match each case's pictures, by primary key, with one query.

    If several versions of the comparison matched a pair, only the newest match is used. Related pictures are ignored.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH seen AS MATERIALIZED (
              SELECT DISTINCT cs.case_id, its.found_id FROM registry_casesighting cs
              JOIN registry_match its ON its.id = cs.match_id WHERE cs.case_id = ANY(%s)
            ), newest AS MATERIALIZED (
              SELECT DISTINCT ON (m.found_id, m.registered_id) m.found_id, m.registered_id, m.decision
              FROM registry_match m WHERE m.found_id IN (SELECT found_id FROM seen) AND m.decision <> 'none'
              ORDER BY m.found_id, m.registered_id, m.id DESC
            )
            SELECT c.id, w.number, w.title, w.source_name, bool_or(newest.decision = 'certain') AS certain
            FROM registry_case c
            JOIN seen ON seen.case_id = c.id
            JOIN newest ON newest.found_id = seen.found_id AND newest.decision IN ('certain', 'review')
            JOIN registry_workpicture wp ON wp.picture_id = newest.registered_id
            JOIN registry_work w ON w.id = wp.work_id AND w.owner_id = c.owner_id AND w.id <> c.work_id
              AND w.removed_at IS NULL
            GROUP BY c.id, w.id
            ORDER BY c.id, certain DESC, w.number
            """,
            [[case.pk for case in cases]],
        )
        rows = cursor.fetchall()
    works_by_case: dict[int, list[OtherWork]] = defaultdict(list)
    for case, number, title, file, is_certain in rows:
        if len(works_by_case[case]) < MAX_WORKS:
            works_by_case[case].append(
                OtherWork(number, title, file, Decision.CERTAIN if is_certain else Decision.REVIEW)
            )
    return works_by_case
