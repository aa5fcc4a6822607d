"""Check of a recording in both directions: each recorded exchange is stated once, and each stated one is recorded.

Requests, redirects and servers in the environment record of a capture are compared with the recorded bytes, and the
recorded bytes with the environment record. The final responses of a visit follow from both.
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
from exhibit.network.addresses import get_url_host, get_url_port, is_within_domain, join_urls
from exhibit.plain import decode_text

MAX_UNPACKED_BYTES = 512 << 20  # maximum size of all unpacked bodies of a recording, in all layers, bytes
CLOCK_TOLERANCE = timedelta(seconds=2)
"""Maximum difference between the two clocks of a visit: only one of them is adjusted from time to time."""
MAX_REDIRECTS = 6
REDIRECTS = frozenset({301, 302, 303, 307, 308})
RECORD_KINDS = {"warcinfo", "response", "request"}
"""Allowed kinds of records in a recording."""
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S+) HTTP/1\.[01]\r\n")
_AMBIGUOUS_URL = re.compile(r"^[^/]*@|#|\\|/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
"""Parts of a URL that programs normalize before a request, and that servers and verifiers may interpret differently."""
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, eq=False)
class RecordedResponse:
    """A recorded response with its normalized URL, and the digest and size of its body.

    Digest and size are ``None`` if the body cannot be unpacked or the response is a redirect.
    """

    record: Record
    url: str
    message: Response
    digest: Digest | None
    size: int | None

    @property
    def unsupported_encoding(self) -> str:
        """Unsupported content encoding of the body; empty if all encodings are supported."""
        return next(
            (coding_name for coding_name in self.message.content_encodings if coding_name not in DECODED_ENCODINGS), ""
        )

    @property
    def is_served(self) -> bool:
        """True if the response has a body and a status from 200 to 299."""
        return self.digest is not None and 200 <= self.message.status < 300

    @property
    def targets(self) -> list[str]:
        """Targets of a redirect as written; all readings of several ``Location`` headers, because clients differ."""
        locations = [value for key, value in self.message.headers if key.lower() == "location" and value]
        return (
            [*locations[:1], *([", ".join(locations)] if locations[1:] else [])]
            if self.message.status in REDIRECTS
            else []
        )


@dataclass(frozen=True, slots=True)
class Request:
    """A recorded request with its normalized URL, method and unchanged headers.

    A line that is not a header is stored as a name without a value.
    """

    url: str
    date: datetime
    method: str
    headers: tuple[tuple[str, str], ...]
    has_body: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """Content of a file of records: responses, requests, and the URLs of requests without a response."""

    responses: list[RecordedResponse]
    requests: list[Request]
    unanswered_urls: list[str]


@dataclass(frozen=True, slots=True)
class FinalResponses:
    """Final responses of a visit: the last response to the request for the page, and the responses for the image."""

    page: RecordedResponse | None
    image_responses: tuple[RecordedResponse, ...] = ()

    @property
    def image(self) -> RecordedResponse | None:
        """Last response to the request for the image at its own URL."""
        return self.image_responses[-1] if self.image_responses else None


def read_recording(data: bytes, file: str, period: tuple[datetime, datetime]) -> Recording:
    """Read the exchanges in a file of records; raises ``FormatError`` unless all are in the period of the visit."""
    responses, requests, request_counts = [], [], Counter[tuple[str, datetime, str]]()
    budget, info_count = UnpackBudget(MAX_UNPACKED_BYTES), 0
    for record in read_warc(data, file):
        info_count += record.kind == "warcinfo"
        expect(
            record.kind in RECORD_KINDS and info_count <= 1, f"{file} contains a record that belongs to no exchange."
        )
        is_in_period = period[0] - CLOCK_TOLERANCE <= record.date <= period[1] + CLOCK_TOLERANCE
        expect(is_in_period, f"{file} contains a record from a different time than the visit.")
        if record.kind == "response":
            responses.append(_build_response(record, budget, file))
        elif record.kind == "request":
            requests.append(_read_request(record))
            request_counts[to_plain_url(record.url), record.date, record.peer] += 1
    answer_counts = Counter((response.url, response.record.date, response.record.peer) for response in responses)
    expect(
        not answer_counts - request_counts,
        f"{file} contains a response without a request, or a request for a different URL.",
    )
    return Recording(responses, requests, [url for url, _, _ in (request_counts - answer_counts).elements()])


def _build_response(record: Record, budget: UnpackBudget, file: str) -> RecordedResponse:
    message = read_response(record.block) or Response(0, (), b"")
    try:
        is_redirect = message.status in REDIRECTS and message.get_header("location")
        body = None if is_redirect else message.decode_body(budget)
    except FormatError:
        body = None
    expect(budget.remaining >= 0, f"{file} unpacks to more than {MAX_UNPACKED_BYTES} bytes.")
    digest, size = (None, None) if body is None else (Digest.from_bytes(body), len(body))
    return RecordedResponse(record, to_plain_url(record.url), message, digest, size)


def _read_request(record: Record) -> Request:
    """Parse a request; raises ``FormatError`` unless its host and target match the URL of the record."""
    header, separator, body = record.block.partition(b"\r\n\r\n")
    request_line = _REQUEST_LINE.match(header + b"\r\n")
    lines = [(line, *line.partition(b":")) for line in _LINE_END.split(header)[1:]]
    pairs = [(name if colon and name.strip() else line, value) for line, name, colon, value in lines]
    headers = tuple((decode_text(name).strip(), decode_text(value).strip()) for name, value in pairs)
    hosts = [value for name, value in headers if name.lower() == "host"]
    is_complete = request_line is not None and len(hosts) == 1
    is_complete = (
        is_complete and _AMBIGUOUS_URL.search(f"{hosts[0]}{decode_text(request_line[2])}") is None
        if request_line
        else False
    )
    url = (
        f"{record.url.partition('://')[0]}://{hosts[0]}{decode_text(request_line[2])}"
        if request_line and is_complete
        else ""
    )
    expect(
        is_complete and to_plain_url(url) == to_plain_url(record.url),
        f"The recorded request for {record.url[:200]} has a different URL.",
    )
    method = request_line[1].decode() if request_line else ""
    return Request(to_plain_url(record.url), record.date, method, headers, bool(body or not separator))


def match_exchanges(network: NetworkRecord, recording: Recording) -> list[RecordedResponse]:
    """Return the responses of the stated exchanges, in order; raises ``FormatError`` if either side has others."""
    responses = recording.responses
    expect(len(network.exchanges) <= len(responses), "The environment record lists more exchanges than were recorded.")
    responses_by_key: dict[tuple[str, int, str], list[RecordedResponse]] = {}
    for response in responses:
        responses_by_key.setdefault((response.url, response.message.status, response.record.peer), []).append(response)
    keys = [(to_plain_url(step.url), step.status, step.peer.address) for step in network.exchanges]
    matched_responses = [
        _take_recorded_response(step, responses_by_key.get(key, []))
        for step, key in zip(network.exchanges, keys, strict=True)
    ]
    _expect_explained(
        network, recording, [response for remaining in responses_by_key.values() for response in remaining]
    )
    return matched_responses


def _take_recorded_response(step: NetworkExchange, candidates: list[RecordedResponse]) -> RecordedResponse:
    """Return the recorded response of a stated exchange and remove it from the candidates."""
    earliest, latest = step.sent - CLOCK_TOLERANCE, step.answered + CLOCK_TOLERANCE
    matching_responses = [
        response
        for response in candidates
        if earliest <= response.record.date <= latest and _has_size(response, step.bytes)
    ]
    expect(matching_responses, f"No recorded exchange matches the environment record of {step.url[:200]}.")
    response = min(matching_responses, key=lambda candidate: abs(candidate.record.date - step.sent))
    candidates.remove(response)
    is_https = to_plain_url(step.url).startswith("https:")
    is_consistent = (step.tls is not None) == is_https and _is_connected_to_url(step)
    is_consistent = is_consistent and _is_resolved_address(step.peer.address, step.host, step.dns_answers)
    expect(is_consistent, f"The connection data of {step.url[:200]} contradict each other.")
    return response


def _has_size(response: RecordedResponse, size: int) -> bool:
    """Return True if a body has the stated size; 0 means a redirect or an incomplete body."""
    return size in {0, response.size} or response.size is None or bool(response.unsupported_encoding)


def _is_connected_to_url(step: NetworkExchange) -> bool:
    """Return True if host and port are those of the URL, or if the URL has no readable host."""
    host = get_url_host(step.url)
    return not host or (
        step.peer.port == get_url_port(step.url)
        and is_within_domain(host, step.host)
        and is_within_domain(step.host, host)
    )


def _is_resolved_address(peer: str, host: str, addresses: Sequence[str]) -> bool:
    """Return True if an address is among the DNS responses for a host, or if the host is that address."""
    return peer in addresses if addresses else _normalize_address(peer) == _normalize_address(host) != ""


def _normalize_address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _expect_explained(network: NetworkRecord, recording: Recording, responses: Iterable[RecordedResponse]) -> None:
    """Check that each exchange without a statement is explained: the request failed, or the page navigated."""
    failures = Counter(to_plain_url(failure.at) for failure in network.failures)
    navigated_urls = follow_redirects(
        recording.responses, [resource.url for resource in network.resources if resource.kind == "document"]
    )
    for url in [*(response.url for response in responses), *recording.unanswered_urls]:
        is_explained = failures[url] > 0 or url in navigated_urls
        expect(is_explained, f"The environment record lacks the recorded exchange for {url[:200]}.")
        failures[url] -= 1


def follow_redirects(responses: Sequence[RecordedResponse], urls: Iterable[str]) -> set[str]:
    """Return the given URLs and all URLs that recorded redirects reach from them, normalized."""
    reached_urls = set(map(to_plain_url, urls))
    redirects = [response for response in responses if response.targets]
    for _ in range(MAX_REDIRECTS):
        next_redirects = [response for response in redirects if response.url in reached_urls]
        reached_urls |= {to_plain_url(url) for response in next_redirects for url in _list_target_urls(response)}
    return reached_urls


def _list_target_urls(response: RecordedResponse) -> Iterator[str]:
    yield from filter(None, (join_urls(response.record.url, target) for target in response.targets))


def find_final_responses(
    network: NetworkRecord, responses: Sequence[RecordedResponse], page_url: str, image_url: str
) -> FinalResponses:
    """Follow the redirects from the URLs of page and image to the final responses.

    Raises:
        FormatError: An exchange is not the result of a request by the visit, or the page was not requested.
    """
    chains = _group_redirect_chains(responses)
    page, image = to_plain_url(page_url), to_plain_url(image_url)
    failed_urls = {to_plain_url(failure.url) for failure in network.failures}
    expect(failed_urls <= {page, image}, "The environment record lists a failed request that the visit did not make.")
    navigated_urls = {to_plain_url(resource.url) for resource in network.resources if resource.kind == "document"}
    last_url = chains[-1][0].url if chains else ""
    page_chains = chains[:-1] if last_url == image and (image != page or len(chains) > 1) else chains
    image_responses = tuple(chains[-1]) if len(page_chains) < len(chains) else ()
    start_urls = {chain[0].url for chain in page_chains}
    was_requested = page in failed_urls or {page, to_https(page)} & (
        navigated_urls | {chain[0].url for chain in page_chains[:1]}
    )
    expect(was_requested, "No recorded exchange has the page URL.")
    last_responses = [chain[-1] for chain in page_chains or chains]
    if network.rendered is None:
        expect(
            start_urls <= {page} and len(page_chains) <= 1,
            "A recorded exchange does not follow from any request of the visit.",
        )
        return FinalResponses(last_responses[-1] if page_chains else None, image_responses)
    expect(start_urls <= navigated_urls, "A recorded exchange is for a page that the browser did not request.")
    address = to_plain_url(network.rendered.address)
    rendered_responses = [
        response for response in (*last_responses[-1:], *image_responses[-1:]) if response.url == address
    ]
    expect(
        rendered_responses or (not page_chains and address == page),
        "The URL of the rendered page is not the one to which the recorded exchanges led.",
    )
    return FinalResponses(rendered_responses[0] if rendered_responses else None, image_responses)


def to_https(url: str) -> str:
    """Return the URL with the scheme ``https``: browsers use it if they know that a site requires it."""
    return f"https{url[4:]}" if url.startswith("http:") else url


def _group_redirect_chains(responses: Sequence[RecordedResponse]) -> list[list[RecordedResponse]]:
    chains: list[list[RecordedResponse]] = []
    for response in responses:
        if chains and response.url in map(to_plain_url, _list_target_urls(chains[-1][-1])):
            chains[-1].append(response)
        else:
            chains.append([response])
    return chains


def expect_archive_matches(
    network: NetworkRecord, recording: Recording, image_responses: Iterable[RecordedResponse], file: str
) -> None:
    """Check that an archive contains exactly the resources of the page and the image's own exchanges.

    Raises:
        FormatError: The archive contains other exchanges, or lacks one.
    """
    for resource in network.resources:
        _check_resource(resource, {certificate.sha256 for certificate in network.certificates})
    expected = Counter(_build_resource_key(resource) for resource in network.resources if resource.sha256 is not None)
    reached_urls = follow_redirects(recording.responses, (resource.url for resource in network.resources))
    unread_urls = {
        response.url for response in recording.responses if response.unsupported_encoding or response.digest is None
    }
    image_counts = Counter(_build_response_key(response) for response in image_responses)
    actual = Counter(_build_response_key(response) for response in recording.responses)
    missing_keys = {key for key in expected - actual if key[0] not in unread_urls}
    expect(not missing_keys, f"The digests of the files in {file} do not match the environment record.")
    failed_urls = follow_redirects(
        recording.responses, (resource.url for resource in network.resources if resource.failure)
    )
    for key, count in (actual - expected - image_counts).items():
        url, status = key[0], key[1]
        is_known = url in reached_urls and (status in REDIRECTS or url in failed_urls or url in unread_urls)
        expect(is_known and count, f"{file} contains an exchange for {url[:200]} that the environment record lacks.")


def _build_resource_key(resource: NetworkResource) -> tuple[str, int, str, str]:
    return to_plain_url(resource.final_url), resource.status, resource.peer, str(resource.sha256)


def _build_response_key(response: RecordedResponse) -> tuple[str, int, str, str]:
    return response.url, response.message.status, response.record.peer, str(response.digest)


def _check_resource(resource: NetworkResource, certificates: set[Digest]) -> None:
    """Check that the stated details of a connection are consistent."""
    is_consistent = not resource.status or _is_resolved_address(
        resource.peer, get_url_host(resource.final_url), resource.dns_answers
    )
    is_consistent = is_consistent and (
        not resource.status or (resource.tls is not None) == to_plain_url(resource.final_url).startswith("https:")
    )
    is_consistent = is_consistent and certificates.issuperset(resource.certificates)
    expect(is_consistent, f"The connection data of {resource.url[:200]} contradict each other.")
