"""URL parsing by the WHATWG URL standard, as in browsers. All of Exhibit uses this module for web URLs.

Libraries disagree about ``https://a.example@b.example/``, backslashes, ``ß``, ``0x7f.1`` or ``１２７.０.０.１``. If two
parsers disagree, the site named in the evidence may differ from the site that was visited. Therefore crawler, capture,
guard, sites, notices and the verifier use this module. It uses Ada, the parser of Node.js.
``tests/exhibit/network/addresses.json`` contains the cases that Python and the browser must parse identically.
"""

import hashlib
import re
import unicodedata
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from ada_url import URL, idna_to_unicode

from exhibit.errors import RefusedError
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from tldextract import TLDExtract

IPAddress = IPv4Address | IPv6Address

KEY_BYTES = 16
DEFAULT_PORTS = {"http": 80, "https": 443}

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SURROGATES = re.compile("[\ud800-\udfff]")
_INVALID_HOST_CHARS = re.compile(r"[\x00-\x20/?#@\\:]")
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")
_MAX_NAME_LENGTH = 253
_SCRIPTS_WITH_LATIN = (
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"CJK", "IDEOGRAPHIC", "BOPOMOFO"},
    {"CJK", "IDEOGRAPHIC", "HANGUL"},
)
"""Scripts that are written together, and with Latin letters (UTS 39, 5.2, "highly restrictive"), by the first word of
the names of their letters: the long vowel mark belongs to both Japanese scripts, the iteration mark is ideographic.
"""
_LATIN_LOOKALIKES = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвнґзбαεικνορτυχωաբգզոսցհօքմռ")
"""Letters of other scripts that look exactly or almost like Latin ones (from the confusables of UTS 39)."""
_ASCII_LOOKALIKES = frozenset("ıȷɑɡɩɪɯʋʏᴄᴏᴜᴠᴡᴢ")
"""Latin letters that look like ASCII letters and are easily overlooked among them."""


def parse_url(url: str, base: str = "") -> URL | None:
    """Parse a URL, relative to ``base`` if given. Returns ``None`` for invalid URLs."""
    try:
        return URL(_SURROGATES.sub("\ufffd", url), _SURROGATES.sub("\ufffd", base) or None)
    except ValueError:
        return None


def join_urls(base: str, url: str) -> str:
    """Resolve a URL against a base and return its standard form without fragment; empty if it is invalid."""
    parsed = parse_url(url, base)
    if parsed is None:
        return ""
    return parsed.href[: len(parsed.href) - len(parsed.hash)].removesuffix("#")


def remove_fragment(url: str) -> str:
    """Return the standard form of a URL without its fragment, or the text unchanged if it is invalid."""
    return join_urls("", url) or url


def normalise_url(url: str) -> str:
    """Return the normal form of a URL: equal for different spellings of one URL, and different for different URLs.

    The normal form is the standard form without user name and fragment, with normalised escapes (RFC 3986, 6.2.2):
    ``%7e`` becomes ``~``, while ``%2F`` does not become ``/``. The order of the query is kept, because it may matter.
    URLs that are invalid or not ``http`` or ``https`` are only stripped of surrounding spaces.
    """
    parts = parse_url(url)
    if parts is None or parts.protocol[:-1] not in DEFAULT_PORTS:
        return url.strip()
    return f"{parts.protocol}//{parts.host}{_normalise_escapes(parts.pathname)}{_normalise_escapes(parts.search)}"


def compute_url_key(url: str) -> bytes:
    """Return the 128-bit key of a URL's normal form: BLAKE2b (RFC 7693) of 16 bytes."""
    return hashlib.blake2b(normalise_url(url).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def get_url_host(url: str) -> str:
    """Return the host of a URL in lower-case ASCII, without port and brackets; empty if there is none."""
    parsed = parse_url(url)
    return "" if parsed is None else parsed.hostname.strip("[]")


def get_url_port(url: str) -> int:
    """Return the port of an ``http`` or ``https`` URL, by default that of its scheme; 0 if the URL is invalid."""
    parsed = parse_url(url)
    if parsed is None:
        return 0
    return int(parsed.port) if parsed.port else DEFAULT_PORTS.get(parsed.protocol[:-1], 0)


def get_url_origin(url: str) -> str:
    """Return scheme, host and port of a URL without a user name; empty if the URL is invalid."""
    parts = parse_url(url)
    return "" if parts is None else f"{parts.protocol}//{parts.host}"


def get_url_path(url: str) -> str:
    """Return the path of a URL in its standard form; empty if the URL is invalid."""
    parsed = parse_url(url)
    return "" if parsed is None else parsed.pathname


def get_url_query(url: str) -> str:
    """Return the query of a URL in its standard form, without the question mark."""
    parsed = parse_url(url)
    return "" if parsed is None else parsed.search[1:]


def remove_scheme(url: str) -> str:
    """Return a URL for display: host, port, path and query, without any user name that could look like a host."""
    parts = parse_url(url)
    return url if parts is None or not parts.host else f"{parts.host}{parts.pathname}{parts.search}"


@lru_cache(maxsize=20_000)
def get_registrable_domain(host: str) -> str:
    """Return the registrable domain of a host, such as ``example.co.uk`` for ``www.example.co.uk``.

    Uses the Public Suffix List included in tldextract, with its private part: each ``name.github.io`` is a separate
    site. IP addresses, single labels and public suffixes are returned unchanged. Makes no requests.
    """
    name = _to_ascii_host(host.strip().strip("[]").rstrip("."))
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    parts = _load_suffixes()(name)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else name


def get_registered_name(host: str) -> str:
    """Return the registrable domain by the public part of the Public Suffix List only: ``github.io`` is one domain."""
    parts = _load_suffixes()(_to_ascii_host(host), include_psl_private_domains=False)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else host


def is_public_suffix(name: str, *, private: bool = False) -> bool:
    """Return True if different owners can register names below this one: ``co.uk``, or a single label.

    With ``private``, also for suffixes that a company manages, such as ``github.io``.
    """
    plain = _to_ascii_host(name.strip().strip(".")).removeprefix("*.")
    return "." not in plain or is_listed_suffix(plain, private=private)


def is_listed_suffix(name: str, *, private: bool = False) -> bool:
    """Return True if the Public Suffix List contains the name: ``com``, but not a label of a private network."""
    return not _load_suffixes()(_to_ascii_host(name.strip().strip(".")), include_psl_private_domains=private).domain


def have_same_domain(first: str, other: str) -> bool:
    """Return True if two URLs have the same registrable domain, and thus the same owner."""
    return get_registrable_domain(get_url_host(first)) == get_registrable_domain(get_url_host(other))


def is_within_domain(host: str, name: str) -> bool:
    """Return True if a host equals this name or is a subdomain of it. Both may be in Unicode or ``xn--`` form."""
    inner, outer = (_to_ascii_host(name_text.strip().strip("[]").rstrip(".")) for name_text in (host, name))
    return bool(outer) and (inner == outer or inner.endswith(f".{outer}"))


def to_unicode_host(host: str) -> str:
    """Return the Unicode form of a host in ``xn--`` form; empty if it has no other form."""
    unicode_host = idna_to_unicode(host) if "xn--" in host else ""
    return "" if unicode_host == host else unicode_host


def format_host(host: str) -> str:
    """Format a host for documents: an ``xn--`` form is followed by its Unicode form."""
    unicode_host = to_unicode_host(host)
    return f"{host} ({unicode_host})" if unicode_host else host


def is_confusable(host: str) -> bool:
    """Return True if a host can be mistaken for another: a label mixes scripts, or consists of letters that look Latin.

    Follows UTS 39, "highly restrictive": a label may mix only scripts that are commonly written together.
    """
    return any(
        _mixes_scripts(label) or _looks_latin(label) or _ASCII_LOOKALIKES & set(label)
        for label in (to_unicode_host(host) or host).split(".")
    )


def normalise_host(host: str) -> str:
    """Return a host in lower-case ASCII, without brackets and trailing dot.

    Raises ``RefusedError`` with reason ``bad-url``, or ``private-address`` for an address with a zone.
    """
    bare_host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare_host:
        return _normalise_ipv6(bare_host)
    bare_host = (bare_host if bare_host.isascii() else _to_ascii_host(bare_host)).lower().removesuffix(".")
    if len(bare_host) > _MAX_NAME_LENGTH or not _HOST_NAME.fullmatch(bare_host):
        raise _build_host_error(host)
    return bare_host


def parse_literal_address(host: str) -> IPAddress | None:
    """Return the IP address that a plain host represents, or ``None`` for a name.

    Raises ``RefusedError`` for a number that is not a dotted quad of decimal numbers: with reason ``private-address``
    if the address that browsers would use is not on the public internet, else ``bad-url``. URLs from pages have been
    normalised before this check.
    """
    if ":" in host:
        return IPv6Address(host)
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError as error:
        standard_host = get_url_host(f"http://{host}/")
        raise RefusedError(
            Sentence("%(host)s is an IP address in an unsupported notation.", host=f"{host!r}"),
            reason=Reason.BAD_URL
            if not standard_host or ip_address(standard_host).is_global
            else Reason.PRIVATE_ADDRESS,
            hint=Sentence("Write the IP address as four decimal numbers without leading zeros."),
        ) from error


def is_localhost(host: str) -> bool:
    """Return True if a plain host names the machine itself (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def list_parent_names(host: str) -> list[str]:
    """Return a host name and its parent names: for ``a.b.c`` also ``b.c`` and ``c``."""
    labels = host.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]


def extract_ipv4(address: IPAddress) -> IPv4Address | None:
    """Return the IPv4 address embedded in an IPv6 address: mapped, compatible (RFC 4291) or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


@cache
def _load_suffixes() -> "TLDExtract":
    """Load the Public Suffix List included in tldextract."""
    from tldextract import TLDExtract  # noqa: PLC0415 - takes a quarter of a second to load, and few commands need it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


@lru_cache(maxsize=20_000)
def _to_ascii_host(host: str) -> str:
    """Return a host in lower case, with internationalised names in ``xn--`` form if the standard defines one."""
    if host.isascii() or _INVALID_HOST_CHARS.search(host):
        return host.lower()
    return get_url_host(f"http://{host}/") or host.lower()


def _normalise_escapes(text: str) -> str:
    """Normalise escapes (RFC 3986, 6.2.2): upper-case digits, unreserved characters unescaped, unsafe ones escaped."""
    if "%" in text:
        text = _ESCAPE.sub(_normalise_escape, text)
    return _UNSAFE.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode("utf-8", "surrogatepass")), text)


def _normalise_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _mixes_scripts(label: str) -> bool:
    scripts = {unicodedata.name(char, "?").split()[0] for char in label if char.isalpha()}
    return len(scripts) > 1 and not any(scripts - {"LATIN"} <= combination for combination in _SCRIPTS_WITH_LATIN)


def _looks_latin(label: str) -> bool:
    letters = {char for char in label if char.isalpha()}
    return bool(letters) and letters <= _LATIN_LOOKALIKES


def _normalise_ipv6(text: str) -> str:
    bare_address, percent, _zone = text.partition("%")
    try:
        address = IPv6Address(bare_address)
    except ValueError as error:
        raise _build_host_error(text) from error
    if percent:
        raise RefusedError("An IP address with a zone is local to one machine.", reason=Reason.PRIVATE_ADDRESS)
    return str(address)


def _build_host_error(host: str) -> RefusedError:
    return RefusedError(Sentence("%(host)s is not a host name.", host=f"{host!r}"), reason=Reason.BAD_URL)
