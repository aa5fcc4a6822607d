"""Draft record of the capture environment (清洁性检查), generated from the network record of each capture.

The records are the bundle's ``network.json`` files. Missing values are shown as "not stated".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.documents.drafts.layout import (
    DraftInput,
    NetworkRecordFile,
    build_blank_fields,
    build_plain_row,
    build_signature_section,
    format_page_header,
)
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Block, Quiet, Row, Rows, Section, Style, Text
from exhibit.clock import parse_rfc3339

UNCHECKED_KEYS = ("not_checked_malware", "not_checked_recording", "not_checked_machine")
MAX_EXCHANGES = 8
MAX_RECORDS = 40


def build_environment_record(case: DraftInput, wording: Wording) -> tuple[Section, ...]:
    """Return the sections of the draft, with blank fields for statements by the person responsible for the machine."""
    render = wording.render
    sections = [
        _build_capture_section(number, record, case, wording)
        for number, record in enumerate(case.networks[:MAX_RECORDS], 1)
    ] or [
        Section(
            render("heading.sightings"), (Text(render("environment.none")),), running=format_page_header(case, wording)
        )
    ]
    if len(case.networks) > MAX_RECORDS:
        placeholders = {"shown": MAX_RECORDS, "all": len(case.networks), "path": case.networks[-1].path}
        sections.append(
            Section(render("heading.sightings"), (Quiet(render("environment.more_records", **placeholders)),))
        )
    long_fields = (build_blank_fields(wording, name, lines=2) for name in ("malware", "processes"))
    sections += [
        Section(render("heading.unchecked"), (wording.build_bullets("environment", UNCHECKED_KEYS),)),
        Section(
            render("environment.complete"), (build_blank_fields(wording, "operator", "machine", "route"), *long_fields)
        ),
        build_signature_section("environment", wording),
    ]
    return tuple(sections)


def _build_capture_section(number: int, record: NetworkRecordFile, case: DraftInput, wording: Wording) -> Section:
    exchanges = [item for item in _to_sequence(record.content.get("exchanges")) if isinstance(item, Mapping)]
    time = _format_time(exchanges[0].get("sent"), wording) if exchanges else wording.render("document.no_time")
    blocks: list[Block] = [Rows(tuple(_build_machine_rows(record, wording)), together=False)]
    blocks += [Rows(tuple(_build_exchange_rows(exchange, wording))) for exchange in exchanges[:MAX_EXCHANGES]]
    if len(exchanges) > MAX_EXCHANGES:
        placeholders = {"shown": MAX_EXCHANGES, "all": len(exchanges), "path": record.path}
        blocks.append(Quiet(wording.render("environment.more_exchanges", **placeholders)))
    title = wording.render("environment.capture", n=number, time=time)
    return Section(title, tuple(blocks), running=format_page_header(case, wording))


def _format_time(value: object, wording: Wording) -> str:
    try:
        return wording.format_time(parse_rfc3339(str(value)))
    except ValueError:
        return wording.render("document.no_time")


def _build_machine_rows(record: NetworkRecordFile, wording: Wording) -> list[Row]:
    plain = record.content
    software = _to_mapping(plain.get("software"))
    authorities = _to_mapping(plain.get("certificate_authorities"))
    authorities_text = f"{authorities.get('name', '')} {authorities.get('sha256', '')}".strip()
    return [
        build_plain_row(wording, "environment.file", record.path, f"SHA-256 {record.digest.hex}", style=Style.MONO),
        build_plain_row(wording, "label.method", wording.translate(str(plain.get("method", "")))),
        build_plain_row(
            wording, "label.software", ", ".join(f"{name} {version}" for name, version in software.items())
        ),
        build_plain_row(wording, "environment.proxy", *_describe_proxy(_to_mapping(plain.get("proxy")), wording)),
        build_plain_row(
            wording, "environment.hosts", *_describe_hosts_file(_to_mapping(plain.get("hosts_file")), wording)
        ),
        build_plain_row(wording, "environment.resolvers", ", ".join(map(str, _to_sequence(plain.get("name_servers"))))),
        build_plain_row(wording, "environment.authorities", authorities_text),
        build_plain_row(wording, "environment.clock", _describe_clock(_to_mapping(plain.get("clock")), wording)),
    ]


def _describe_proxy(record: Mapping[str, Any], wording: Wording) -> list[str]:
    if "used" not in record:
        return []
    variables = _to_sequence(record.get("environment_variables"))
    sentences = [wording.render("environment.proxy_used" if record["used"] else "environment.proxy_none")]
    if variables:
        sentences.append(wording.render("environment.proxy_variables", names=", ".join(map(str, variables))))
    return sentences


def _describe_hosts_file(record: Mapping[str, Any], wording: Wording) -> list[str]:
    if not record.get("sha256"):
        return []
    hosts = _to_sequence(record.get("names_visited_hosts"))
    clean_sentence = wording.render("environment.hosts_clean")
    sentence = wording.render("environment.hosts_named", names=", ".join(map(str, hosts))) if hosts else clean_sentence
    return [sentence, str(record.get("path", "")), f"SHA-256 {record['sha256']}"]


def _describe_clock(record: Mapping[str, Any], wording: Wording) -> str:
    if record.get("offset") is None:
        return ""
    return wording.render("environment.clock_value", offset=record["offset"], uncertainty=record.get("uncertainty"))


def _build_exchange_rows(record: Mapping[str, Any], wording: Wording) -> list[Row]:
    peer, tls = _to_mapping(record.get("peer")), _to_mapping(record.get("tls"))
    server = f"{peer.get('address', '')}:{peer.get('port', '')}" if peer else ""
    rows = [
        build_plain_row(wording, "environment.exchange", str(record.get("url", "")), style=Style.MONO),
        build_plain_row(wording, "environment.dns", ", ".join(map(str, _to_sequence(record.get("dns_answers"))))),
        build_plain_row(wording, "environment.peer", server),
    ]
    if tls:
        chain = [item for item in _to_sequence(tls.get("chain")) if isinstance(item, Mapping)]
        certificates = [
            f"{certificate.get('subject', '')} ← {certificate.get('issuer', '')}" for certificate in chain[:1]
        ]
        cipher = f"{tls.get('version', '')} {tls.get('cipher', '')}"
        rows += [
            build_plain_row(wording, "environment.tls", cipher),
            build_plain_row(wording, "environment.certificate", *certificates),
        ]
    return rows


def _to_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _to_sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
