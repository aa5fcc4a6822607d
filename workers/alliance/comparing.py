"""Comparing what partners' logs show here with what they have shown elsewhere: a log that tells two stories is found.

Of each log its present head is fetched with those tiles that show whether it continues every head known of it: the one
cosigned here, and those that other partners have cosigned.
"""

import time
from collections.abc import Callable, Sequence
from functools import cache

import requests

from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, verify_note
from evidence.log.tiles import HEIGHT, WIDTH, Tile, tile_path
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence
from registry.alliance import heads, partners
from registry.models import Partner
from workers.alliance import calls
from workers.alliance.witnessing import heads_seen
from workers.services.wiring import Services

FORKED = Sentence("Its log has signed two histories.")
OTHER_HEAD = Sentence("It has cosigned a head that this installation's log doesn't hold.")
SECONDS, ALL_SECONDS = 10.0, 60.0
"""For one answer of a partner's site, and for all that is asked of it at once."""
MAX_HEADS = 1000
Known = Sequence[tuple[str, str]]
"""Heads of one log, each with the name of who has cosigned it."""


def compare_heads(services: Services) -> dict[str, str]:
    """Compare the heads of every partner's log, and what partners have cosigned of this installation's.

    Returns what is wrong, by partner, and keeps it with each. A silent partner hides no other.
    """
    there = list(partners.active())
    told = {partner.name: _cosigned_by(services, partner) for partner in there}
    wrong, here = {}, heads_seen()
    for partner in there:
        known = [(name, note) for name, notes in told.items() for note in _of(partner.origin, notes)]
        known += [("this installation", note) for note in _of(partner.origin, here)]
        own = _of(services.log.origin, told[partner.name])
        fault = " ".join(filter(None, (_fault(services, partner, known), _own_fault(services, own))))
        partners.looked_at(partner, fault)
        if fault:
            wrong[partner.name] = fault
    return wrong


def _of(origin: str, notes: Sequence[str]) -> list[str]:
    return [note for note in notes if note.partition("\n")[0] == origin]


def _cosigned_by(services: Services, partner: Partner) -> list[str]:
    try:
        notes = calls.ask(services, partner, "heads", {}, seconds=SECONDS).get("heads")
    except ExhibitError:  # it is told when its own log is looked at
        return []
    return [str(note)[:MAX_NOTE] for note in notes[:MAX_HEADS]] if isinstance(notes, list) else []


def _fault(services: Services, partner: Partner, known: Known) -> str:
    """What is wrong with a partner's log, in a sentence; two signed heads that contradict each other are kept."""
    if heads.has_forked(partner.origin):
        return FORKED
    try:
        with calls.session_for(services, partner.url, SECONDS) as session:
            fetch = _fetcher(session, partner)
            head = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            shown = _Tree(head.size, fetch)
            if shown.root(head.size) != head.root:
                return Sentence("What its log shows isn't what it has signed.")
            found = (_contradiction(partner, head, shown, source, note) for source, note in known)
            return next(filter(None, found), "")
    except ExhibitError as error:
        return error.message


def _contradiction(partner: Partner, head: SignedCheckpoint, shown: "_Tree", source: str, note: str) -> str:
    try:
        seen = verify_note(note, partner.log_key)
    except ExhibitError:  # not signed by this log: whoever told it has made it up
        return ""
    if seen.size > head.size:
        return Sentence("Its log has signed %(seen)s entries and shows %(shown)s.", seen=seen.size, shown=head.size)
    if shown.root(seen.size) == seen.root:
        return ""
    path = shown.consistency(seen.size)
    heads.note_fork(partner, seen.note, head.note, f"cosigned by {source}, and shown here", path)
    return FORKED


def _own_fault(services: Services, notes: Sequence[str]) -> str:
    """What a partner has cosigned of this log that it doesn't hold: it was set back, or its key signs elsewhere."""
    for note in notes:
        try:
            seen = verify_note(note, services.log.vkey())
        except ExhibitError:
            continue
        try:
            services.log.check_continues(seen)
        except IntegrityError as error:
            return f"{OTHER_HEAD} {error.message}"
    return ""


def _fetcher(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    until = time.monotonic() + ALL_SECONDS

    def fetch(path: str, most: int) -> bytes:
        if time.monotonic() > until:
            raise ServiceMissingError(Sentence("Its log is shown too slowly."))
        return calls.fetch(session, f"{partner.url.rstrip('/')}/log/{path}", most, SECONDS)

    return fetch


class _Tree:
    """A log of so many entries, read from its tiles (C2SP tlog-tiles)."""

    def __init__(self, size: int, fetch: Callable[[str, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._tile = cache(self._fetched)

    def root(self, size: int) -> bytes:
        """The root over the first entries."""
        return merkle.root(size, self._node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """The proof from an earlier size to this one, as the tiles give it.

        RFC 9162 leaves out the earlier root where that size is a power of two, since who checks has it. Who checks
        another root hasn't: it goes first then.
        """
        path = merkle.consistency(old, self._size, self._node)
        left_out = 0 < old < self._size and not old & (old - 1)
        return (self.root(old), *path) if left_out else tuple(path)

    def _node(self, level: int, index: int) -> bytes:
        """A complete subtree: a hash of a tile, or made of two below it."""
        if level % HEIGHT:
            return merkle.node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        number, offset = divmod(index, WIDTH)
        hashes = self._tile(level // HEIGHT, number)
        return hashes[offset * merkle.HASH_BYTES : (offset + 1) * merkle.HASH_BYTES]

    def _fetched(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self._size >> (HEIGHT * level)) - number * WIDTH)
        data = self._fetch(f"tile/{level}/{tile_path(Tile(number, width))}", WIDTH * merkle.HASH_BYTES)
        if len(data) != width * merkle.HASH_BYTES:
            raise IntegrityError(Sentence("A tile of its log has another length than it has to have."))
        return data
