"""URL parsing according to the WHATWG URL standard, as in browsers. All of Exhibit uses this module for web URLs.

Libraries disagree about ``https://a.example@b.example/``, backslashes, ``ß``, ``0x7f.1`` or ``１２７.０.０.１``. If two
parsers disagree, the site named in the evidence may not be the site that was visited. Therefore crawler, capture,
guard, sites, notices and the verifier all use this module, which uses Ada, the parser of Node.js.
``tests/exhibit/network/addresses.json`` has the cases that Python and the browser must parse alike.
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
_HALF = re.compile("[\ud800-\udfff]")
_NOT_IN_HOSTS = re.compile(r"[\x00-\x20/?#@\\:]")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_MAX_NAME = 253
_BESIDE_LATIN = (
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"CJK", "IDEOGRAPHIC", "BOPOMOFO"},
    {"CJK", "IDEOGRAPHIC", "HANGUL"},
)
"""Scripts that are written together, and with Latin letters (UTS 39, 5.2, "highly restrictive"), by the first word of
their letters' names: the long vowel mark belongs to both Japanese scripts, the iteration mark is ideographic.
"""
_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвнґзбαεικνορτυχωաբգզոսցհօքմռ")
"""Letters of other scripts that look exactly or almost like Latin ones (from the confusables of UTS 39)."""
_LIKE_ASCII = frozenset("ıȷɑɡɩɪɯʋʏᴄᴏᴜᴠᴡᴢ")
"""Latin letters that look like ASCII letters and are easily overlooked among them."""


def read_url(url: str, base: str = "") -> URL | None:
    """Parse a URL, relative to ``base`` if given. Returns ``None`` for invalid URLs."""
    try:
        return URL(_HALF.sub("\ufffd", url), _HALF.sub("\ufffd", base) or None)
    except ValueError:
        return None


def joined(base: str, address: str) -> str:
    """Resolve a URL against a base and return its standard form without fragment; empty if it is invalid."""
    parsed = read_url(address, base)
    if parsed is None:
        return ""
    return parsed.href[: len(parsed.href) - len(parsed.hash)].removesuffix("#")


def without_fragment(url: str) -> str:
    """Return the standard form of a URL without its fragment, or the text unchanged if it is invalid."""
    return joined("", url) or url


def normalise(url: str) -> str:
    """Return the normal form of a URL: equal for different spellings of one URL, and different for different URLs.

    It is the standard form without user name and fragment, with escapes in one spelling (RFC 3986, 6.2.2): ``%7e``
    becomes ``~``, while ``%2F`` does not become ``/``. The order of the query is kept, because it may matter. URLs that
    are invalid or not ``http`` or ``https`` are only stripped of surrounding spaces.
    """
    parts = read_url(url)
    if parts is None or parts.protocol[:-1] not in DEFAULT_PORTS:
        return url.strip()
    return f"{parts.protocol}//{parts.host}{_respelled(parts.pathname)}{_respelled(parts.search)}"


def url_key(url: str) -> bytes:
    """Return the 128-bit key of a URL's normal form: BLAKE2b (RFC 7693) of 16 bytes."""
    return hashlib.blake2b(normalise(url).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def host_of(url: str) -> str:
    """Return the host of a URL in lower-case ASCII, without port and brackets; empty if there is none."""
    parsed = read_url(url)
    return "" if parsed is None else parsed.hostname.strip("[]")


def port_of(url: str) -> int:
    """Return the port of an ``http`` or ``https`` URL, by default that of its scheme; 0 if the URL is invalid."""
    parsed = read_url(url)
    if parsed is None:
        return 0
    return int(parsed.port) if parsed.port else DEFAULT_PORTS.get(parsed.protocol[:-1], 0)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL without a user name; empty if the URL is invalid."""
    parts = read_url(url)
    return "" if parts is None else f"{parts.protocol}//{parts.host}"


def path_of(url: str) -> str:
    """Return the path of a URL in its standard form; empty if the URL is invalid."""
    parsed = read_url(url)
    return "" if parsed is None else parsed.pathname


def query_of(url: str) -> str:
    """Return the query of a URL in its standard form, without the question mark."""
    parsed = read_url(url)
    return "" if parsed is None else parsed.search[1:]


def without_scheme(url: str) -> str:
    """Return a URL for display: host, port, path and query, without any user name that could look like a host."""
    parts = read_url(url)
    return url if parts is None or not parts.host else f"{parts.host}{parts.pathname}{parts.search}"


@lru_cache(maxsize=20_000)
def registrable_domain(host: str) -> str:
    """Return the registrable domain of a host, such as ``example.co.uk`` for ``www.example.co.uk``.

    Uses the Public Suffix List included in tldextract, with its private part: each ``name.github.io`` is a separate
    site. IP addresses, single labels and public suffixes are returned unchanged. Makes no requests.
    """
    name = _ascii_host(host.strip().strip("[]").rstrip("."))
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    parts = _suffixes()(name)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else name


def registered_name(host: str) -> str:
    """Like :func:`registrable_domain`, by the list's public part only: names of registries, such as ``github.io``."""
    parts = _suffixes()(_ascii_host(host), include_psl_private_domains=False)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else host


def is_public_suffix(name: str, *, private: bool = False) -> bool:
    """Return True if the names below this one belong to different parties: ``co.uk``, or a single label.

    With ``private``, also if a company lets others register names below it, such as ``github.io``.
    """
    plain = _ascii_host(name.strip().strip(".")).removeprefix("*.")
    return "." not in plain or is_listed_suffix(plain, private=private)


def is_listed_suffix(name: str, *, private: bool = False) -> bool:
    """Like :func:`is_public_suffix`, by the list alone: ``com``, but not the single label of a private network."""
    return not _suffixes()(_ascii_host(name.strip().strip(".")), include_psl_private_domains=private).domain


def same_domain(first: str, other: str) -> bool:
    """Return True if two URLs have the same registrable domain, and thus the same responsible party."""
    return registrable_domain(host_of(first)) == registrable_domain(host_of(other))


def is_within(host: str, name: str) -> bool:
    """Return True if a host equals this name or is a subdomain of it. Both may be in Unicode or ``xn--`` form."""
    inner, outer = (_ascii_host(each.strip().strip("[]").rstrip(".")) for each in (host, name))
    return bool(outer) and (inner == outer or inner.endswith(f".{outer}"))


def in_letters(host: str) -> str:
    """Return the Unicode form of a host in ``xn--`` form; empty if it has no other form."""
    letters = idna_to_unicode(host) if "xn--" in host else ""
    return "" if letters == host else letters


def with_letters(host: str) -> str:
    """Format a host for documents: an ``xn--`` form is followed by its Unicode form."""
    letters = in_letters(host)
    return f"{host} ({letters})" if letters else host


def is_confusable(host: str) -> bool:
    """Return True if a host can be mistaken for another: a label mixes scripts, or consists of letters that look Latin.

    Follows UTS 39, "highly restrictive": a label may mix only scripts that are commonly written together.
    """
    return any(
        _is_mixed(label) or _looks_latin(label) or _LIKE_ASCII & set(label)
        for label in (in_letters(host) or host).split(".")
    )


def plain_host(host: str) -> str:
    """Return a host in lower-case ASCII, without brackets and trailing dot.

    Raises ``RefusedError`` with reason ``bad-url``, or ``private-address`` for an address with a zone.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return _plain_ipv6(bare)
    bare = (bare if bare.isascii() else _ascii_host(bare)).lower().removesuffix(".")
    if len(bare) > _MAX_NAME or not _NAME.fullmatch(bare):
        raise _bad(host)
    return bare


def literal_address(host: str) -> IPAddress | None:
    """Return the IP address that a plain host represents, or ``None`` for a name.

    Raises ``RefusedError`` for a number that is not a dotted quad of decimal numbers: with reason ``private-address``
    if its standard interpretation lies outside the public internet, else ``bad-url``. URLs from pages have been
    normalised before this check.
    """
    if ":" in host:
        return IPv6Address(host)
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError as error:
        usual = host_of(f"http://{host}/")
        raise RefusedError(
            Sentence("%(host)s is not a usual notation for an IP address.", host=f"{host!r}"),
            reason=Reason.BAD_URL if not usual or ip_address(usual).is_global else Reason.PRIVATE_ADDRESS,
            hint=Sentence("Write the IP address as four decimal numbers without leading zeros."),
        ) from error


def is_localhost(host: str) -> bool:
    """Return True if a plain host names the machine itself (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def names_of(host: str) -> list[str]:
    """Return a host name and its parent names: for ``a.b.c`` also ``b.c`` and ``c``."""
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]


def embedded_ipv4(address: IPAddress) -> IPv4Address | None:
    """Return the IPv4 address embedded in an IPv6 address: mapped, compatible (RFC 4291) or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


@cache
def _suffixes() -> "TLDExtract":
    """Load the Public Suffix List included in tldextract."""
    from tldextract import TLDExtract  # noqa: PLC0415 - takes a quarter of a second to load, and few commands need it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


@lru_cache(maxsize=20_000)
def _ascii_host(host: str) -> str:
    """Return a host in lower case, with internationalised names in ``xn--`` form if the standard defines one."""
    if host.isascii() or _NOT_IN_HOSTS.search(host):
        return host.lower()
    return host_of(f"http://{host}/") or host.lower()


def _respelled(text: str) -> str:
    """Normalise escapes (RFC 3986, 6.2.2): upper-case digits, unreserved characters unescaped, unsafe ones escaped."""
    if "%" in text:
        text = _ESCAPE.sub(_respell, text)
    return _UNSAFE.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode("utf-8", "surrogatepass")), text)


def _respell(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _is_mixed(label: str) -> bool:
    scripts = {unicodedata.name(sign, "?").split()[0] for sign in label if sign.isalpha()}
    return len(scripts) > 1 and not any(scripts - {"LATIN"} <= together for together in _BESIDE_LATIN)


def _looks_latin(label: str) -> bool:
    letters = {sign for sign in label if sign.isalpha()}
    return bool(letters) and letters <= _LIKE_LATIN


def _plain_ipv6(text: str) -> str:
    bare, percent, _zone = text.partition("%")
    try:
        address = IPv6Address(bare)
    except ValueError as error:
        raise _bad(text) from error
    if percent:
        raise RefusedError("An address with a zone lies on the machine's own links.", reason=Reason.PRIVATE_ADDRESS)
    return str(address)


def _bad(host: str) -> RefusedError:
    return RefusedError(Sentence("%(host)s is not a host name.", host=f"{host!r}"), reason=Reason.BAD_URL)
