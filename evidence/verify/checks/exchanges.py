"""Check of a recording in both directions: each recorded exchange is stated once, each stated one is recorded.

Requests, redirects and servers that a capture's surroundings state are compared with the recorded bytes, and the
recorded bytes with the surroundings. From both follows where a visit ended.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from evidence.facts.network import NetworkExchange, NetworkRecord, NetworkResource
from evidence.formats.codec import FormatError
from evidence.formats.records import (
    DECODED_ENCODINGS,
    Record,
    Response,
    UnpackBudget,
    read_response,
    read_warc,
    to_plain_url,
)
from evidence.verdict.result import expect
from exhibit.digests import Digest
from exhibit.network.addresses import host_of, is_within, joined, port_of
from exhibit.plain import decoded

MAX_UNPACKED = 512 << 20  # maximum size of all unpacked bodies of a recording, in all layers, bytes
APART = timedelta(seconds=2)
"""Largest difference between two clocks of one visit: one is adjusted now and then, the other is not."""
MAX_STEPS = 6
REDIRECTS = frozenset({301, 302, 303, 307, 308})
KINDS = {"warcinfo", "response", "request"}
"""Kinds of records in a recording; a record of another kind belongs to no exchange."""
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S+) HTTP/1\.[01]\r\n")
_SPELLED_OUT = re.compile(r"^[^/]*@|#|\\|/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
"""Parts that no program writes into a request, and that servers may read differently from a reader of the record."""
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A recorded response by its normalized URL, with digest and size of its body.

    Both are ``None`` if the body cannot be unpacked or the response is a redirect.
    """

    record: Record
    url: str
    response: Response
    digest: Digest | None
    size: int | None

    @property
    def coding(self) -> str:
        """Content encoding of the body that is not supported here, or an empty string."""
        return next((coding_name for coding_name in self.response.codings if coding_name not in DECODED_ENCODINGS), "")

    @property
    def served(self) -> bool:
        """True if a body came with status 200 to 299."""
        return self.digest is not None and 200 <= self.response.status < 300

    @property
    def targets(self) -> list[str]:
        """Targets of a redirect as written; several if the response names several, because clients differ."""
        locations = [value for key, value in self.response.headers if key.lower() == "location" and value]
        return (
            [*locations[:1], *([", ".join(locations)] if locations[1:] else [])]
            if self.response.status in REDIRECTS
            else []
        )


@dataclass(frozen=True, slots=True)
class Request:
    """A recorded request by its normalized URL, with method, unchanged headers, and whether it has a body.

    A line that is not a header is kept as a name.
    """

    url: str
    date: datetime
    method: str
    headers: tuple[tuple[str, str], ...]
    has_body: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of records: the responses, the requests, and the URLs of requests without a response."""

    answers: list[Answer]
    requests: list[Request]
    unanswered: list[str]


@dataclass(frozen=True, slots=True)
class Ends:
    """End of a visit: the last response to the request for the page, and the responses for the image."""

    page: Answer | None
    of_image: tuple[Answer, ...] = ()

    @property
    def image(self) -> Answer | None:
        """The last response to the request for the image at its own URL."""
        return self.of_image[-1] if self.of_image else None


def read_recording(data: bytes, what: str, within: tuple[datetime, datetime]) -> Recording:
    """Return the exchanges in a file of records; raises ``FormatError`` unless all are of the time of one visit."""
    answers, requests, request_counts = [], [], Counter[tuple[str, datetime, str]]()
    room, about = UnpackBudget(MAX_UNPACKED), 0
    for record in read_warc(data, what):
        about += record.kind == "warcinfo"
        expect(record.kind in KINDS and about <= 1, f"{what} contains a record that belongs to no exchange.")
        of_time = within[0] - APART <= record.date <= within[1] + APART
        expect(of_time, f"{what} contains a record from a different time than the visit.")
        if record.kind == "response":
            answers.append(_answer(record, room, what))
        elif record.kind == "request":
            requests.append(_read_request(record))
            request_counts[to_plain_url(record.url), record.date, record.peer] += 1
    answer_counts = Counter((answer.url, answer.record.date, answer.record.peer) for answer in answers)
    expect(
        not answer_counts - request_counts,
        f"{what} contains a response without a request, or a request for a different URL.",
    )
    return Recording(answers, requests, [url for url, _, _ in (request_counts - answer_counts).elements()])


def _answer(record: Record, room: UnpackBudget, what: str) -> Answer:
    response = read_response(record.block) or Response(0, (), b"")
    try:
        leads_on = response.status in REDIRECTS and response.header("location")
        body = None if leads_on else response.body(room)
    except FormatError:
        body = None
    expect(room.remaining >= 0, f"{what} unpacks to more than {MAX_UNPACKED} bytes.")
    digest, size = (None, None) if body is None else (Digest.of(body), len(body))
    return Answer(record, to_plain_url(record.url), response, digest, size)


def _read_request(record: Record) -> Request:
    """Return a request; raises ``FormatError`` unless its host and target are those that the record names."""
    head, end, body = record.block.partition(b"\r\n\r\n")
    line = _REQUEST_LINE.match(head + b"\r\n")
    lines = [(line, *line.partition(b":")) for line in _LINE_END.split(head)[1:]]
    pairs = [(name if colon and name.strip() else whole, value) for whole, name, colon, value in lines]
    headers = tuple((decoded(name).strip(), decoded(value).strip()) for name, value in pairs)
    hosts = [value for name, value in headers if name.lower() == "host"]
    whole = line is not None and len(hosts) == 1
    whole = whole and _SPELLED_OUT.search(f"{hosts[0]}{decoded(line[2])}") is None if line else False
    url = f"{record.url.partition('://')[0]}://{hosts[0]}{decoded(line[2])}" if line and whole else ""
    expect(
        whole and to_plain_url(url) == to_plain_url(record.url),
        f"The recorded request for {record.url[:200]} has a different URL.",
    )
    method = line[1].decode() if line else ""
    return Request(to_plain_url(record.url), record.date, method, headers, bool(body or not end))


def hold(network: NetworkRecord, recording: Recording) -> list[Answer]:
    """Return the responses of the stated exchanges, in order; raises ``FormatError`` if either side has more."""
    answers = recording.answers
    expect(len(network.exchanges) <= len(answers), "The environment record lists more exchanges than were recorded.")
    answers_by_key: dict[tuple[str, int, str], list[Answer]] = {}
    for answer in answers:
        answers_by_key.setdefault((answer.url, answer.response.status, answer.record.peer), []).append(answer)
    keys = [(to_plain_url(step.url), step.status, step.peer.address) for step in network.exchanges]
    matched = [_recorded(step, answers_by_key.get(key, [])) for step, key in zip(network.exchanges, keys, strict=True)]
    _expect_named(network, recording, [answer for remaining in answers_by_key.values() for answer in remaining])
    return matched


def _recorded(step: NetworkExchange, candidates: list[Answer]) -> Answer:
    """Return the recorded response of a stated exchange and remove it from those left."""
    first, last = step.sent - APART, step.answered + APART
    fitting = [answer for answer in candidates if first <= answer.record.date <= last and _has_size(answer, step.bytes)]
    expect(fitting, f"No recorded exchange matches the environment record of {step.url[:200]}.")
    answer = min(fitting, key=lambda candidate: abs(candidate.record.date - step.sent))
    candidates.remove(answer)
    secured = to_plain_url(step.url).startswith("https:")
    same = (step.tls is not None) == secured and _is_at(step)
    same = same and _is_of(step.peer.address, step.host, step.dns_answers)
    expect(same, f"The connection data of {step.url[:200]} contradict each other.")
    return answer


def _has_size(answer: Answer, size: int) -> bool:
    """Return True if a body has a stated size; 0 stands for a redirect or an incomplete body."""
    return size in {0, answer.size} or answer.size is None or bool(answer.coding)


def _is_at(step: NetworkExchange) -> bool:
    """Return True if host and port are those of the URL, or if the URL cannot be read here."""
    host = host_of(step.url)
    return not host or (
        step.peer.port == port_of(step.url) and is_within(host, step.host) and is_within(step.host, host)
    )


def _is_of(peer: str, host: str, addresses: Sequence[str]) -> bool:
    """Return True if an address is among the name servers' answers for a host, or if the host is that address."""
    return peer in addresses if addresses else _address(peer) == _address(host) != ""


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _expect_named(network: NetworkRecord, recording: Recording, answers: Iterable[Answer]) -> None:
    """Check that the surroundings explain each exchange that they do not state: it failed, or the page navigated."""
    failures = Counter(to_plain_url(failure.at) for failure in network.failures)
    moves = arrivals(recording.answers, [got.url for got in network.resources if got.kind == "document"])
    for url in [*(answer.url for answer in answers), *recording.unanswered]:
        is_known = failures[url] > 0 or url in moves
        expect(is_known, f"The environment record lacks the recorded exchange with {url[:200]}.")
        failures[url] -= 1


def arrivals(answers: Sequence[Answer], starts: Iterable[str]) -> set[str]:
    """Return URLs and those that recorded redirects reach from them."""
    reached = set(map(to_plain_url, starts))
    leading = [answer for answer in answers if answer.targets]
    for _ in range(MAX_STEPS):
        further = [answer for answer in leading if answer.url in reached]
        reached |= {to_plain_url(url) for answer in further for url in _leads_to(answer)}
    return reached


def _leads_to(answer: Answer) -> Iterator[str]:
    yield from filter(None, (joined(answer.record.url, target) for target in answer.targets))


def ends_of(network: NetworkRecord, answers: Sequence[Answer], page_url: str, image_url: str) -> Ends:
    """Return where the stated exchanges led from the URLs of page and image, redirect by redirect.

    Raises:
        FormatError: Nothing leads to an exchange.
    """
    chains = _chains(answers)
    page, image = to_plain_url(page_url), to_plain_url(image_url)
    failed = {to_plain_url(failure.url) for failure in network.failures}
    expect(failed <= {page, image}, "The environment record lists a failed request that the visit did not make.")
    moves = {to_plain_url(got.url) for got in network.resources if got.kind == "document"}
    last = chains[-1][0].url if chains else ""
    own = chains[:-1] if last == image and (image != page or len(chains) > 1) else chains
    of_image = tuple(chains[-1]) if len(own) < len(chains) else ()
    starts = {chain[0].url for chain in own}
    was_requested = page in failed or {page, secured(page)} & (moves | {chain[0].url for chain in own[:1]})
    expect(was_requested, "No recorded exchange has the page URL.")
    ends = [chain[-1] for chain in own or chains]
    if network.rendered is None:
        expect(starts <= {page} and len(own) <= 1, "A recorded exchange was not caused by anything in the visit.")
        return Ends(ends[-1] if own else None, of_image)
    expect(starts <= moves, "A recorded exchange is with a page that the browser did not request.")
    address = to_plain_url(network.rendered.address)
    at = [answer for answer in (*ends[-1:], *of_image[-1:]) if answer.url == address]
    expect(
        at or (not own and address == page),
        "The URL of the rendered page is not the one to which the recorded exchanges led.",
    )
    return Ends(at[0] if at else None, of_image)


def secured(url: str) -> str:
    """Return the URL with ``https``: browsers use it where they know that a site requires it."""
    return f"https{url[4:]}" if url.startswith("http:") else url


def _chains(answers: Sequence[Answer]) -> list[list[Answer]]:
    chains: list[list[Answer]] = []
    for answer in answers:
        if chains and answer.url in map(to_plain_url, _leads_to(chains[-1][-1])):
            chains[-1].append(answer)
        else:
            chains.append([answer])
    return chains


def hold_archive(network: NetworkRecord, recording: Recording, of_image: Iterable[Answer], what: str) -> None:
    """Check that an archive holds what the page requested, the image's own exchanges, and nothing else.

    Raises:
        FormatError: The archive holds more or less.
    """
    for got in network.resources:
        _check_resource(got, {certificate.sha256 for certificate in network.certificates})
    expected = Counter(_key(got) for got in network.resources if got.sha256 is not None)
    reached_urls = arrivals(recording.answers, (got.url for got in network.resources))
    unread = {answer.url for answer in recording.answers if answer.coding or answer.digest is None}
    beside = Counter(_of(answer) for answer in of_image)
    actual = Counter(_of(answer) for answer in recording.answers)
    missing = {key for key in expected - actual if key[0] not in unread}
    expect(not missing, f"The bytes in {what} differ from the environment record.")
    failures = arrivals(recording.answers, (got.url for got in network.resources if got.failure))
    for key, count in (actual - expected - beside).items():
        url, status = key[0], key[1]
        is_known = url in reached_urls and (status in REDIRECTS or url in failures or url in unread)
        expect(is_known and count, f"{what} contains an exchange with {url[:200]} that the environment record lacks.")


def _key(got: NetworkResource) -> tuple[str, int, str, str]:
    return to_plain_url(got.final_url), got.status, got.peer, str(got.sha256)


def _of(answer: Answer) -> tuple[str, int, str, str]:
    return answer.url, answer.response.status, answer.record.peer, str(answer.digest)


def _check_resource(got: NetworkResource, certificates: set[Digest]) -> None:
    """Check that the stated details of a connection are consistent."""
    is_known = not got.status or _is_of(got.peer, host_of(got.final_url), got.dns_answers)
    is_known = is_known and (
        not got.status or (got.tls is not None) == to_plain_url(got.final_url).startswith("https:")
    )
    is_known = is_known and certificates.issuperset(got.certificates)
    expect(is_known, f"The connection data of {got.url[:200]} contradict each other.")
