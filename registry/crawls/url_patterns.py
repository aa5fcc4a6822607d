"""URL patterns in a crawl's frontier: the order of pages within a pattern, and omission of unproductive patterns."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from exhibit.network.addresses import compute_url_key
from registry.crawls.models import CrawlSlice, FrontierUrl, Refusal

State = FrontierUrl.State


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a new URL in the frontier."""

    pattern: bytes | None
    turn: int
    state: FrontierUrl.State  # omitted if pages of its pattern have been omitted


def assign_positions(crawl_id: int, urls: Mapping[bytes, tuple[str, str]]) -> dict[bytes, Position]:
    """Return the positions of new URLs by key, given their pattern and kind; known URLs of a pattern are omitted.

    A page's turn is its number among the pages of its pattern, so that the first pages of each pattern are visited
    first. A picture's turn is 0. Concurrent calls may assign the same number twice, which is harmless.
    """
    keys = {pattern: compute_url_key(pattern) for pattern in {pattern for pattern, _kind in urls.values()} if pattern}
    pattern_by_key = {key: keys[pattern] for key, (pattern, _kind) in urls.items() if pattern}
    rows = FrontierUrl.objects.filter(crawl=crawl_id, key__in=list(pattern_by_key)).values_list("key", flat=True)
    known_keys, last_turns = (
        set(map(bytes, rows)),
        _load_last_turns(crawl_id, list(keys.values())) if pattern_by_key else {},
    )
    positions = {}
    for key, (_, kind) in urls.items():
        pattern = pattern_by_key.get(key)
        if pattern is None:
            positions[key] = Position(None, int(kind != "image"), State.PENDING)
        elif key not in known_keys:
            turn, state = last_turns.get(pattern, (0, State.PENDING))
            last_turns[pattern] = turn + 1, state
            positions[key] = Position(pattern, turn + 1, state)
    return positions


def _load_last_turns(crawl_id: int, patterns: list[bytes]) -> dict[bytes, tuple[int, FrontierUrl.State]]:
    """Return the last turn of each pattern, and the initial state of its next page."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted.pattern, last.turn, last.state = 'left-out' FROM unnest(%s::bytea[]) AS wanted (pattern),
            LATERAL (
                SELECT turn, state FROM registry_frontierurl WHERE crawl_id = %s AND pattern = wanted.pattern
                ORDER BY turn DESC LIMIT 1
            ) AS last
            """,
            [patterns, crawl_id],
        )
        rows = cursor.fetchall()
    return {
        bytes(pattern): (turn, State.LEFT_OUT if is_omitted else State.PENDING) for pattern, turn, is_omitted in rows
    }


def omit_patterns(slice_row: CrawlSlice, *, min_pages: int, idle_pages: int) -> dict[str, int]:
    """Omit pending URLs of patterns that have stopped showing anything new.

    At least ``min_pages`` pages of the pattern must have been visited, and the last ``idle_pages`` showed nothing new.
    Only patterns that the slice has visited are checked; the transaction must have locked the slice. Returns the total
    number of omitted pages of each pattern, by the URL of one of its pages.
    """
    last_pages_sql = """
        SELECT shows_new FROM registry_frontierurl
        WHERE crawl_id = %(crawl)s AND state = 'done' AND pattern = visited.pattern ORDER BY turn DESC LIMIT
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH visited AS (
                SELECT DISTINCT pattern FROM registry_frontierurl
                WHERE slice_id = %(slice)s AND state = 'done' AND pattern IS NOT NULL
            ), idle AS (
                SELECT pattern FROM visited
                WHERE (SELECT count(*) FROM ({last_pages_sql} %(pages)s) AS pages) = %(pages)s
                AND (SELECT bool_and(shows_new IS FALSE) FROM ({last_pages_sql} %(idle)s) AS idle)
            ), out AS (
                UPDATE registry_frontierurl AS row SET state = 'left-out', slice_id = NULL FROM idle
                WHERE row.crawl_id = %(crawl)s AND row.pattern = idle.pattern
                AND (row.state = 'pending' OR row.state = 'leased' AND row.slice_id = %(slice)s)
                RETURNING row.pattern, row.url
            ) SELECT min(url), count(*) + (
                SELECT count(*) FROM registry_frontierurl AS before
                WHERE before.crawl_id = %(crawl)s AND before.pattern = out.pattern AND before.state = 'left-out'
            ) FROM out GROUP BY pattern
            """,  # noqa: S608 - it contains no external input
            {"crawl": slice_row.crawl_id, "slice": slice_row.pk, "pages": min_pages, "idle": idle_pages},
        )
        return dict(cursor.fetchall())


def count_omitted(crawl_id: int, reason: str) -> dict[str, int]:
    """Count the omitted pages of each pattern that is the URL of a refusal with this reason."""
    refusals = Refusal.objects.filter(crawl=crawl_id, reason=reason).values_list("key", "url")
    urls_by_key = {bytes(key): url for key, url in refusals}
    omitted_urls = FrontierUrl.objects.filter(crawl=crawl_id, pattern__in=list(urls_by_key), state=State.LEFT_OUT)
    return {
        urls_by_key[bytes(key or b"")]: pages
        for key, pages in omitted_urls.values_list("pattern").annotate(Count("pk"))
    }
