"""What else the found pictures of a case were found to show: other works of the same owner."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from exhibit.types import Decision
from registry.cases.models import Case

MOST = 8
"""Works that are told of a case, the surest first: many may carry one mark."""


@dataclass(frozen=True, slots=True)
class AlsoShown:
    """Another work that a found picture of a case was found to show, too."""

    number: int
    title: str
    file: str  # the name of its file, as it was given
    decision: Decision  # ``certain``, or ``review``: of the surest of the pictures


def also_shown(cases: Iterable[Case]) -> dict[int, list[AlsoShown]]:
    """For cases, by primary key, the other works of their owners; one question to the database for all of them.

    Of a pair that several versions of the comparison found alike, the newest match counts. What only resembles a work
    isn't found to show it.
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
    found: dict[int, list[AlsoShown]] = defaultdict(list)
    for case, number, title, file, certain in rows:
        if len(found[case]) < MOST:
            found[case].append(AlsoShown(number, title, file, Decision.CERTAIN if certain else Decision.REVIEW))
    return found
