"""Addresses as they are compared: one normal form, one 128-bit key, one name of the party behind a host."""

import hashlib
import re
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import idna

if TYPE_CHECKING:
    from tldextract import TLDExtract

KEY_BYTES = 16
DEFAULT_PORTS = {"http": 80, "https": 443}

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalise(url: str) -> str:
    """The normal form of a URL (RFC 3986, 6.2.2 and 6.2.3), so that two spellings of one address compare equal.

    Scheme and host in lower case, the host in its ASCII form, no default port, no fragment, dot segments resolved,
    escapes in one spelling. The query stays as it is: its order may matter. A URL that isn't ``http`` or ``https``,
    or that can't be taken apart, is only stripped of spaces around it.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return text
    scheme = parts.scheme.lower()
    name = parts.hostname
    if scheme not in DEFAULT_PORTS or not name:
        return text
    host = _ascii_host(name)
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port in (None, DEFAULT_PORTS[scheme]) else f"{shown}:{port}"
    return urlunsplit((scheme, netloc, _without_dots(_respelled(parts.path)) or "/", _respelled(parts.query), ""))


def url_key(url: str) -> bytes:
    """The 128-bit key of a URL's normal form: BLAKE2b (RFC 7693) of 16 bytes."""
    return hashlib.blake2b(normalise(url).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def host_of(url: str) -> str:
    """The host of a URL in lower case and its ASCII form, without a port; empty when there is none."""
    try:
        return _ascii_host(urlsplit(url.strip()).hostname or "")
    except ValueError:
        return ""


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as they stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@lru_cache(maxsize=20_000)
def registrable_domain(host: str) -> str:
    """The name under which somebody registered this host, such as ``example.co.uk`` for ``www.example.co.uk``.

    By the Public Suffix List that comes with tldextract, its private part included: each ``name.github.io`` is a party
    of its own. An address, a single label and a public suffix itself come back as they are. Nothing is fetched.
    """
    name = _ascii_host(host.strip().strip("[]").rstrip("."))
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    found = _suffixes()(name)
    return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else name


def registered_name(host: str) -> str:
    """As :func:`registrable_domain`, by the list's public part alone: what a registry knows, such as ``github.io``."""
    found = _suffixes()(_ascii_host(host), include_psl_private_domains=False)
    return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else host


def same_domain(one: str, other: str) -> bool:
    """Whether two URLs lie below one registrable domain, so that one party answers for both."""
    return registrable_domain(host_of(one)) == registrable_domain(host_of(other))


@cache
def _suffixes() -> "TLDExtract":
    """The Public Suffix List that comes with tldextract."""
    from tldextract import TLDExtract  # noqa: PLC0415 - takes a quarter of a second to load, and few commands need it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


@lru_cache(maxsize=20_000)
def _ascii_host(host: str) -> str:
    """Lower case, internationalised names in their ``xn--`` form (UTS 46) where that exists."""
    name = host.lower()
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def _respelled(text: str) -> str:
    """Upper-case hexadecimal digits, unreserved characters unescaped, unsafe ones escaped (RFC 3986, 6.2.2)."""
    if "%" in text:
        text = _ESCAPE.sub(_respell, text)
    return _UNSAFE.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode("utf-8", "surrogatepass")), text)


def _respell(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _without_dots(path: str) -> str:
    """Resolve ``.`` and ``..`` (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)
