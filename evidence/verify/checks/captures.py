"""Checks of captures: what was served and how it looked, against the recorded exchanges, the surroundings and facts."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from itertools import chain
from operator import attrgetter
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from evidence.bundle.sealing import sighting_folder
from evidence.facts.case import CaptureFacts, CaseFacts, SightingFacts
from evidence.facts.network import NetworkCertificate, NetworkExchange, NetworkRecord
from evidence.formats.codec import FormatError, from_plain, parse_json
from evidence.formats.records import UNDONE, Record, Response, Room, inline_bodies, plain_url, read_response, read_warc
from evidence.formats.wacz import WARC, WaczPage, write_wacz
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed
from evidence.verify.checks.inspection import EARLIER, Inspection, words_of
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, UnreadablePictureError
from exhibit.network.addresses import joined
from exhibit.pictures.decode import Limits, inspect

MAX_CAPTURES = 400  # so many captures are looked at; a bundle could list so many that a verifier would never end
MAX_WARC = 256 << 20
MAX_UNPACKED = 512 << 20  # bytes that packed bodies of a record give, in all layers
APART = timedelta(seconds=2)
"""By how much two clocks of one visit may differ: one is set right now and then, the other isn't."""
MAX_STEPS = 6
REDIRECTS, GONE = frozenset({301, 302, 303, 307, 308}), frozenset({404, 410})
SHOWN = "captured"
"""The outcome of a visit at which page and image were there as they had been seen."""
WITH_PAGE = frozenset({"captured", "not-shown", "image-changed", "image-gone"})
OUTCOMES = WITH_PAGE | {"page-gone", "unreachable"}
RENDERED = {
    "dom": "dom.html",
    "screenshot": "screenshot.png",
    "screenshot-boxed": "screenshot-boxed.png",
    "mhtml": "page.mhtml",
    "page-pdf": "page.pdf",
    "wacz": "capture.wacz",
}
SERVED = {"exchange": "exchange.warc", "network": "network.json", "page": "page.html", "captured-image": "image"}
TOLD = {"cocapture": "cocapture.json", "web-archive": "web-archive.json"}
NAMES = {**SERVED, **RENDERED, **TOLD}  # what the file of each role is called; an image's ending says its format


@dataclass(frozen=True, slots=True)
class _Answer:
    """A recorded response by its plain address; no digest of a body that can't be unpacked, or that leads elsewhere."""

    record: Record
    url: str
    response: Response
    digest: Digest | None

    @property
    def coding(self) -> str:
        """What packed the body and isn't undone here, or an empty string."""
        return next((coding_name for coding_name in self.response.codings if coding_name not in UNDONE), "")

    @property
    def served(self) -> bool:
        return self.digest is not None and 200 <= self.response.status < 300


@dataclass(frozen=True, slots=True)
class _Capture:
    """A capture with its files by their roles."""

    inspection: Inspection
    facts: CaseFacts
    sighting: SightingFacts
    stated: CaptureFacts
    files: dict[str, str]

    def read(self, role: str) -> bytes:
        path = self.files[role]
        if why := self.inspection.why_not(path):
            raise NotFoundError(why)
        expect(self.inspection.sealed(path), f"{path} isn't there as it was sealed.")
        return self.inspection.read(path, MAX_WARC)

    def digest(self, role: str) -> Digest | None:
        path = self.files.get(role, "")
        if path in self.inspection.absent:
            return self.inspection.absent[path].digest
        file = self.inspection.manifest.file(path)
        return None if file is None else file.sha256

    def network(self) -> NetworkRecord:
        what = self.files["network"]
        return from_plain(NetworkRecord, parse_json(self.read("network"), what=what), where=what)


def check_captures(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """``capture:NN-N`` for the Nth capture of each sighting, ``wacz:NN-N`` where there is a web archive of it.

    And ``captures``: whether each sighting has a capture that passed, and one of them found the picture served.
    """
    agreed: set[str] = set()
    shown: set[str] = set()
    outcomes = {
        f"{sighting.number:02d}-{number}": capture.outcome
        for sighting in facts.sightings
        for number, capture in enumerate(sighting.captures, 1)
    }
    for check in _each(inspection, facts):
        what, _, numbers = check.name.partition(":")
        if what == "capture" and check.state is State.PASSED:
            agreed.add(numbers.partition("-")[0])
            if outcomes[numbers] == SHOWN:
                shown.add(numbers.partition("-")[0])
        yield check
    if facts.made_with is not None and facts.sightings:
        yield _check_all([f"{sighting.number:02d}" for sighting in facts.sightings], agreed, shown)


def _check_all(numbers: Sequence[str], agreed: set[str], shown: set[str]) -> Check:
    """``captures``, given the sightings with a capture that agrees, and those with one that found the picture."""
    if missing := [number for number in numbers if number not in agreed]:
        words = f"No capture shows sighting {', '.join(missing)}: the crawl's record stands alone."
        return not_checked("captures", words)
    if not shown:
        words = "No capture found the picture: what was served when the place was visited again isn't what was seen."
        return not_checked("captures", words)
    without = [number for number in numbers if number not in shown]
    but = f" No capture found the picture of sighting {', '.join(without)}." if without else ""
    return passed("captures", f"Each sighting has a capture that agrees with what was recorded.{but}")


def _each(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    named: set[str] = set()
    every = [(sighting, number, of) for sighting in facts.sightings for number, of in enumerate(sighting.captures, 1)]
    for place, (sighting, number, stated) in enumerate(every):
        numbers = f"{sighting.number:02d}-{number}"
        name = f"capture:{numbers}"
        if place >= MAX_CAPTURES:
            yield not_checked(name, f"Only the first {MAX_CAPTURES} captures are looked at.")
        elif not stated.files and stated.image is None:
            yield not_checked(name, "Nothing was kept of this visit.")
        elif not stated.files:
            yield failed(name, "The facts state an image of a visit of which nothing was kept.")
        elif facts.made_with is None:
            yield not_checked(name, EARLIER)
        elif not named.isdisjoint(stated.files):
            yield failed(name, "It names a file of another visit.")
        else:
            yield from _check_capture(inspection, facts, sighting, stated, numbers)
        named.update(stated.files)


def _check_capture(
    inspection: Inspection, facts: CaseFacts, sighting: SightingFacts, stated: CaptureFacts, name: str
) -> Iterator[Check]:
    try:
        capture = _Capture(inspection, facts, sighting, stated, _by_role(inspection, sighting, stated))
    except FormatError as error:
        yield failed(f"capture:{name}", error.message)
        return
    yield checked(f"capture:{name}", _readable, _agrees, capture)
    if "wacz" in capture.files:
        yield checked(f"wacz:{name}", _readable, _archived, capture)


def _readable(look: Callable[[_Capture], str], capture: _Capture) -> str:
    try:
        return look(capture)
    except (ValueError, EOFError) as error:
        raise FormatError("What was recorded holds an address or a file that can't be read.") from error


def _by_role(inspection: Inspection, sighting: SightingFacts, stated: CaptureFacts) -> dict[str, str]:
    """The files of a capture, one of a role, in one folder of the sighting."""
    roles: dict[str, str] = {}
    for path in stated.files:
        file = inspection.absent.get(path) or inspection.manifest.file(path)
        role = file.role if file is not None else ""
        visit, _, name = path.rpartition("/")
        folder, _, number = visit.rpartition("-")
        own = folder == f"{sighting_folder(sighting.number)}/capture" and number.isascii() and number.isdigit()
        named = NAMES.get(role) in {name, name.rpartition(".")[0] if role == "captured-image" else name}
        expect(own and named and role not in roles, f"{path} isn't a capture's own file.")
        roles[role] = path
    expect(len({path.rpartition("/")[0] for path in stated.files}) == 1, "A capture's files lie in several folders.")
    expect("network" in roles, "A capture lacks the record of its surroundings.")
    return roles


def _agrees(capture: _Capture) -> str:
    """What passed, in words; raises ``FormatError`` with what doesn't fit, ``NotFoundError`` for a withheld file."""
    stated, network = capture.stated, capture.network()
    told = (stated.outcome, stated.started, stated.finished)
    same = told == (network.outcome, network.started, network.finished) and stated.started <= stated.finished
    expect(same and stated.outcome in OUTCOMES, "The surroundings state another outcome or other times.")
    _check_image(capture)
    chains = [step.tls.chain for step in network.exchanges if step.tls]
    for certificate in (*network.certificates, *chain.from_iterable(chains)):
        _check_certificate(certificate)
    _check_rendered(capture, network)
    if "exchange" not in capture.files:
        raise NotFoundError("The record of the exchanges wasn't kept, so nothing shows what was served.")
    answers = _answers(capture.read("exchange"), capture.files["exchange"])
    for step in network.exchanges:
        _check_step(step, answers, stated)
    _check_named(network, answers)
    seen = _check_served(capture, network, answers)
    lacking = [words_of(capture.inspection.absent[path]) for path in stated.files if path in capture.inspection.absent]
    pictures = capture.files.get("screenshot")
    looked = " A browser made pictures of the page." if pictures and pictures not in capture.inspection.absent else ""
    looked += f" {len(lacking)} of its files are {lacking[0]}." if lacking else ""
    return f"{seen} Addresses, status and times of {len(answers)} recorded exchanges are those stated.{looked}"


def _answers(data: bytes, what: str) -> list[_Answer]:
    answers, room = [], Room(MAX_UNPACKED)
    for record in read_warc(data, what):
        if record.kind != "response":
            continue
        response = read_response(record.block) or Response(0, (), b"")
        try:
            leads_on = response.status in REDIRECTS and response.header("location")
            body = None if leads_on else response.body(room)
        except FormatError:
            body = None
        expect(room.left >= 0, f"{what} unpacks to more than {MAX_UNPACKED} bytes.")
        answers.append(_Answer(record, plain_url(record.url), response, None if body is None else Digest.of(body)))
    return answers


def _expect_served(holds: object, answers: Iterable[_Answer], problem: str) -> None:
    """Expect something of what was served, unless it was packed in a way that isn't undone here."""
    others = [answer.coding for answer in answers if answer.coding]
    if not holds and others:
        raise NotFoundError(f"What was served is packed by {others[0][:40]}, which isn't undone here.")
    expect(holds, problem)


def _check_certificate(one: NetworkCertificate) -> None:
    try:
        der = base64.b64decode(one.der, validate=True)
    except binascii.Error as error:
        raise FormatError("The surroundings hold a certificate that can't be read.") from error
    same = Digest.of(der) == one.sha256 and base64.b64encode(der).decode() == one.der
    expect(same, "The surroundings hold a certificate with another digest than stated.")


def _check_step(step: NetworkExchange, answers: Sequence[_Answer], stated: CaptureFacts) -> None:
    """That a stated exchange was recorded, at its time, by its peer, within the visit."""
    wanted = plain_url(step.url)
    inside = stated.started - APART <= step.sent <= step.answered <= stated.finished + APART
    found = any(
        (answer.url, answer.response.status, answer.record.peer) == (wanted, step.status, step.peer.address)
        and step.sent - APART <= answer.record.date <= step.answered + APART
        for answer in answers
    )
    expect(found and inside, f"No recorded exchange is the one that the surroundings state of {step.url[:200]}.")
    secured, known = wanted.startswith("https:"), step.peer.address in (step.dns_answers or (step.peer.address,))
    expect((step.tls is not None) == secured and known, f"The connection to {step.url[:200]} contradicts itself.")


def _check_named(network: NetworkRecord, answers: Sequence[_Answer]) -> None:
    """That the record holds no exchange of which the surroundings are silent."""
    named = {plain_url(step.url) for step in network.exchanges}
    named |= {plain_url(url) for resource in network.resources for url in (resource.url, resource.final_url)}
    named |= {plain_url(url) for failure in network.failures for url in (failure.url, failure.at)}
    for answer in answers:
        known = answer.url in named or answer.response.status in REDIRECTS or not answer.response.status
        expect(known, f"The surroundings say nothing of the recorded exchange with {answer.url[:200]}.")


def _arrivals(answers: Sequence[_Answer], start: str) -> set[str]:
    """An address, and those to which the recorded redirects lead from it."""
    reached = {plain_url(start)}
    for _ in range(MAX_STEPS):
        for answer in [answer for answer in answers if answer.url in reached and answer.response.status in REDIRECTS]:
            if target := joined(answer.record.url, answer.response.header("location")):
                reached.add(plain_url(target))
    return reached


def _check_served(capture: _Capture, network: NetworkRecord, answers: Sequence[_Answer]) -> str:
    """That page and image are what the recorded exchanges served, and the outcome what follows from that."""
    stated, sighting, image = capture.stated, capture.sighting, capture.stated.image
    at = _arrivals(answers, sighting.page_url) | ({plain_url(network.rendered.address)} if network.rendered else set())
    pages = [answer for answer in answers if answer.url in at]
    came = [page for page in pages if page.served]
    bodies = {came_from.digest for came_from in came} - {Digest.of(b"")}
    page, shown = capture.digest("page"), stated.outcome in WITH_PAGE
    same = page in bodies if page or (shown and bodies) else True
    _expect_served(same, came, "The page isn't what the recorded exchange served.")
    expect(came or not shown, "No recorded exchange served the page.")
    gone = stated.outcome == "page-gone"
    expect(not gone or any(page.response.status in GONE for page in pages), "The page isn't recorded as gone.")
    if image is None:
        return "The page's exchange is recorded; no image was kept."
    if sighting.image_url[:5].lower() == "data:":
        texts = [capture.read(role) for role in ("page", "dom") if role in capture.files]
        served, images = any(Digest.of(body) == image for text in texts for _, body in inline_bodies(text)), []
    else:
        there = _arrivals(answers, sighting.image_url)
        images = [answer for answer in answers if answer.served and answer.url in there]
        served = any(picture.digest == image for picture in images)
    _expect_served(served, images, "The image isn't what the recorded exchange with its address served.")
    matches = image == sighting.picture.digest
    return "The recorded exchange served the image" + (" with the bytes seen before." if matches else ", other bytes.")


def _check_image(capture: _Capture) -> None:
    """That the image is the one that was kept, and the outcome what it shows; no record is needed for that."""
    image, outcome = capture.stated.image, capture.stated.outcome
    expect(image == capture.digest("captured-image"), "The facts state another image than the capture holds.")
    matches = image == capture.sighting.picture.digest
    wanted = {"captured": matches, "not-shown": matches, "image-changed": image is not None and not matches}
    expect(wanted.get(outcome, True), "The facts call the image another than its digest shows.")


def _check_rendered(capture: _Capture, network: NetworkRecord) -> None:
    """That what a browser shows is there where the surroundings say so, and only there."""
    rendered, made = network.rendered, set(capture.files) & set(RENDERED)
    method = "http" if rendered is None else "browser"
    expect(capture.stated.method == method, "The surroundings are of another method of visiting.")
    if rendered is None:
        expect(not made, "A visit without a browser has pictures of a page.")
        return
    missing, allowed = set(rendered.not_made), "exchange" not in capture.files
    wanted = {"dom", "screenshot", "mhtml", "page-pdf"} if not rendered.nothing_shown else set()
    wanted |= {"screenshot-boxed"} if rendered.image_places else set()
    left_out = wanted - made - missing if not ({"rest"} & missing or allowed) else set()
    expect(not left_out and not made & missing, "What the browser made isn't what the surroundings say of it.")
    for role in made & {"screenshot", "screenshot-boxed"}:
        if capture.files[role] in capture.inspection.absent:
            continue
        try:
            info = inspect(capture.read(role), Limits(max_bytes=MAX_WARC))
        except UnreadablePictureError as error:
            raise FormatError(f"{capture.files[role]} isn't a picture.") from error
        expect((info.format, info.width) == ("PNG", rendered.window[0]), "A screenshot isn't as wide as the window.")


def _archived(capture: _Capture) -> str:
    """That the web archive is the one that its exchanges give, and that they are those of the visit."""
    data, network, what = capture.read("wacz"), capture.network(), capture.files["wacz"]
    try:
        with ZipFile(BytesIO(data)) as archive:
            entry = archive.getinfo(WARC)
            expect(entry.compress_type == ZIP_STORED and entry.file_size <= len(data), f"{what} has another form.")
            warc = archive.read(entry)
    except (BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{what} isn't a web archive.") from error
    every = _answers(warc, what)
    title, address = (network.rendered.title, network.rendered.address) if network.rendered else ("", "")
    anew = write_wacz(warc, WaczPage(address, title, capture.stated.started), capture.facts.software.version)
    expect(anew == data, f"{what} isn't what its exchanges and the surroundings give.")
    of = attrgetter("record.url", "record.date", "record.block")
    main = _answers(capture.read("exchange"), capture.files["exchange"]) if "exchange" in capture.files else []
    expect(set(map(of, main)) <= set(map(of, every)), f"{what} lacks an exchange of page or image.")
    bodies = {(exchange.url, exchange.digest) for exchange in every}
    loaded = [(plain_url(got.final_url), got.sha256) for got in network.resources if got.sha256 is not None]
    lacking = {url for url, _ in set(loaded) - bodies}
    problem = f"{what} holds other bytes than the surroundings state."
    expect(lacking <= {exchange.url for exchange in every if exchange.coding}, problem)
    _expect_served(not lacking, every, problem)
    return f"The archive follows from its {len(every)} exchanges, which served the {len(loaded)} files stated."
