"""Draft record of the environment in which pages were captured (清洁性检查), from the record of each capture.

The records are the bundle's own ``network.json`` files. Anything that they lack reads "not stated".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.documents.papers.layout import NetworkRecord, SealedFacts, blanks, plain_row, running, signing_section
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Block, Quiet, Row, Rows, Section, Style, Text
from exhibit.clock import parse_rfc3339

NOT_CHECKED = ("not_checked_malware", "not_checked_recording", "not_checked_machine")
SHOWN_EXCHANGES = 8
SHOWN_RECORDS = 40


def environment(case: SealedFacts, wording: Wording) -> tuple[Section, ...]:
    """Return the draft; statements that only the person responsible for the machine can make are left blank."""
    say = wording.say
    sections = [
        _record(number, record, case, wording) for number, record in enumerate(case.networks[:SHOWN_RECORDS], 1)
    ] or [Section(say("heading.sightings"), (Text(say("environment.none")),), running=running(case, wording))]
    if len(case.networks) > SHOWN_RECORDS:
        counts = {"shown": SHOWN_RECORDS, "all": len(case.networks), "path": case.networks[-1].path}
        sections.append(Section(say("heading.sightings"), (Quiet(say("environment.more_records", **counts)),)))
    longer = (blanks(wording, name, lines=2) for name in ("malware", "processes"))
    sections += [
        Section(say("heading.unchecked"), (wording.bullets("environment", NOT_CHECKED),)),
        Section(say("environment.complete"), (blanks(wording, "operator", "machine", "route"), *longer)),
        signing_section("environment", wording),
    ]
    return tuple(sections)


def _record(number: int, record: NetworkRecord, case: SealedFacts, wording: Wording) -> Section:
    exchanges = [item for item in _items(record.plain.get("exchanges")) if isinstance(item, Mapping)]
    time = _time(exchanges[0].get("sent"), wording) if exchanges else wording.say("document.no_time")
    blocks: list[Block] = [Rows(tuple(_machine(record, wording)), together=False)]
    blocks += [Rows(tuple(_exchange(exchange, wording))) for exchange in exchanges[:SHOWN_EXCHANGES]]
    if len(exchanges) > SHOWN_EXCHANGES:
        counts = {"shown": SHOWN_EXCHANGES, "all": len(exchanges), "path": record.path}
        blocks.append(Quiet(wording.say("environment.more_exchanges", **counts)))
    title = wording.say("environment.capture", n=number, time=time)
    return Section(title, tuple(blocks), running=running(case, wording))


def _time(value: object, wording: Wording) -> str:
    try:
        return wording.time(parse_rfc3339(str(value)))
    except ValueError:
        return wording.say("document.no_time")


def _machine(record: NetworkRecord, wording: Wording) -> list[Row]:
    plain = record.plain
    software = _mapping(plain.get("software"))
    authorities = _mapping(plain.get("certificate_authorities"))
    authority = f"{authorities.get('name', '')} {authorities.get('sha256', '')}".strip()
    return [
        plain_row(wording, "environment.file", record.path, f"SHA-256 {record.digest.hex}", style=Style.MONO),
        plain_row(wording, "label.method", wording.translate(str(plain.get("method", "")))),
        plain_row(wording, "label.software", ", ".join(f"{name} {version}" for name, version in software.items())),
        plain_row(wording, "environment.proxy", *_proxy(_mapping(plain.get("proxy")), wording)),
        plain_row(wording, "environment.hosts", *_hosts(_mapping(plain.get("hosts_file")), wording)),
        plain_row(wording, "environment.resolvers", ", ".join(map(str, _items(plain.get("name_servers"))))),
        plain_row(wording, "environment.authorities", authority),
        plain_row(wording, "environment.clock", _clock(_mapping(plain.get("clock")), wording)),
    ]


def _proxy(record: Mapping[str, Any], wording: Wording) -> list[str]:
    if "used" not in record:
        return []
    variables = _items(record.get("environment_variables"))
    words = [wording.say("environment.proxy_used" if record["used"] else "environment.proxy_none")]
    if variables:
        words.append(wording.say("environment.proxy_variables", names=", ".join(map(str, variables))))
    return words


def _hosts(record: Mapping[str, Any], wording: Wording) -> list[str]:
    if not record.get("sha256"):
        return []
    hosts = _items(record.get("names_visited_hosts"))
    clean = wording.say("environment.hosts_clean")
    words = wording.say("environment.hosts_named", names=", ".join(map(str, hosts))) if hosts else clean
    return [words, str(record.get("path", "")), f"SHA-256 {record['sha256']}"]


def _clock(record: Mapping[str, Any], wording: Wording) -> str:
    if record.get("offset") is None:
        return ""
    return wording.say("environment.clock_value", offset=record["offset"], uncertainty=record.get("uncertainty"))


def _exchange(record: Mapping[str, Any], wording: Wording) -> list[Row]:
    peer, tls = _mapping(record.get("peer")), _mapping(record.get("tls"))
    server = f"{peer.get('address', '')}:{peer.get('port', '')}" if peer else ""
    rows = [
        plain_row(wording, "environment.exchange", str(record.get("url", "")), style=Style.MONO),
        plain_row(wording, "environment.dns", ", ".join(map(str, _items(record.get("dns_answers"))))),
        plain_row(wording, "environment.peer", server),
    ]
    if tls:
        chain = [item for item in _items(tls.get("chain")) if isinstance(item, Mapping)]
        certificates = [
            f"{certificate.get('subject', '')} ← {certificate.get('issuer', '')}" for certificate in chain[:1]
        ]
        cipher = f"{tls.get('version', '')} {tls.get('cipher', '')}"
        rows += [
            plain_row(wording, "environment.tls", cipher),
            plain_row(wording, "environment.certificate", *certificates),
        ]
    return rows


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
