"""The ``srcset`` attribute."""

import re

_CANDIDATE = re.compile(r"[\s,]*(?P<url>\S+)")
_DESCRIPTORS = re.compile(r"(?:\([^)]*(?:\)|\Z)|[^,(])*")
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[wx])")


def candidates_of(srcset: str) -> list[tuple[str, float]]:
    """All candidates with their width or density (1 where none is given), after the HTML standard, 4.8.4.2.

    Junk between candidates is stepped over; the addresses are as written.
    """
    found: list[tuple[str, float]] = []
    place = 0
    while match := _CANDIDATE.match(srcset, place):
        url, place = match["url"], match.end()
        if url.endswith(","):
            descriptors = ""
        else:
            rest = _DESCRIPTORS.match(srcset, place)
            descriptors = rest[0] if rest else ""
            place += len(descriptors) + 1
        url = url.rstrip(",")
        if url:
            size = _SIZE.search(descriptors)
            found.append((url, float(size["number"]) if size else 1.0))
    return found


def largest_of(srcset: str) -> str:
    """The address of the largest candidate, or empty: by the standard all of them show the same picture."""
    candidates = candidates_of(srcset)
    return max(candidates, key=lambda candidate: candidate[1])[0] if candidates else ""
