"""The one reader of addresses: as the WHATWG URL standard reads them, and so as browsers do.

Libraries disagree about ``https://a.example@b.example/``, backslashes, ``ß``, ``0x7f.1`` or ``１２７.０.０.１``, and
where two readers disagree, the one who is accused isn't the one who was visited. So nothing else here takes a URL of
the web apart: crawler, capture, guard, parties, notices and the verifier ask this module, which asks Ada, the parser
of Node.js. ``tests/exhibit/network/addresses.json`` holds the cases that Python and the browser must read alike.
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
the names of their letters: the mark of a long vowel is of both Japanese ones, that of a repeated sign ideographic."""
_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвнґзбαεικνορτυχωաբգզոսցհօքմռ")
"""Letters of other scripts that look like Latin ones, alone or nearly so (from the confusables of UTS 39)."""
_LIKE_ASCII = frozenset("ıȷɑɡɩɪɯʋʏᴄᴏᴜᴠᴡᴢ")
"""Latin letters that look like those of ASCII, among which one of them stands out to nobody."""


def read_url(url: str, base: str = "") -> URL | None:
    """An address taken apart, within a base when it may be relative; ``None`` for what the standard says is none."""
    try:
        return URL(_HALF.sub("\ufffd", url), _HALF.sub("\ufffd", base) or None)
    except ValueError:
        return None


def joined(base: str, address: str) -> str:
    """An address within a base as the standard writes it, without its fragment; empty when it isn't one."""
    read = read_url(address, base)
    if read is None:
        return ""
    return read.href[: len(read.href) - len(read.hash)].removesuffix("#")


def without_fragment(url: str) -> str:
    """An address as the standard writes it, without its fragment; unchanged when it can't be read."""
    return joined("", url) or url


def normalise(url: str) -> str:
    """The normal form of a URL, so that two spellings of one address compare equal, and no two addresses do.

    As the standard writes it, without user name and fragment, and with the escapes in one spelling (RFC 3986, 6.2.2):
    ``%7e`` is ``~``, while ``%2F`` isn't ``/``. The query's order stays: it may matter. A URL that isn't ``http`` or
    ``https``, or that can't be read, is only stripped of spaces around it.
    """
    read = read_url(url)
    if read is None or read.protocol[:-1] not in DEFAULT_PORTS:
        return url.strip()
    return f"{read.protocol}//{read.host}{_respelled(read.pathname)}{_respelled(read.search)}"


def url_key(url: str) -> bytes:
    """The 128-bit key of a URL's normal form: BLAKE2b (RFC 7693) of 16 bytes."""
    return hashlib.blake2b(normalise(url).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def host_of(url: str) -> str:
    """The host of a URL in lower case and its ASCII form, without a port or brackets; empty when there is none."""
    read = read_url(url)
    return "" if read is None else read.hostname.strip("[]")


def port_of(url: str) -> int:
    """The port of an ``http`` or ``https`` URL, the scheme's own when it names none; 0 when it can't be read."""
    read = read_url(url)
    if read is None:
        return 0
    return int(read.port) if read.port else DEFAULT_PORTS.get(read.protocol[:-1], 0)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, without a user name; empty when it can't be read."""
    read = read_url(url)
    return "" if read is None else f"{read.protocol}//{read.host}"


def path_of(url: str) -> str:
    """The path of a URL as the standard writes it; empty when it can't be read."""
    read = read_url(url)
    return "" if read is None else read.pathname


def query_of(url: str) -> str:
    """The query of a URL as the standard writes it, without its question mark."""
    read = read_url(url)
    return "" if read is None else read.search[1:]


def without_scheme(url: str) -> str:
    """An address as people read it: host, port, path and query, never a user name that looks like a host."""
    read = read_url(url)
    return url if read is None or not read.host else f"{read.host}{read.pathname}{read.search}"


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


def is_public_suffix(name: str, *, private: bool = False) -> bool:
    """Whether names below this one are other people's, so that it is nobody's: ``co.uk``, or a single label.

    With ``private`` also what a company lets others register under, such as ``github.io``.
    """
    plain = _ascii_host(name.strip().strip(".")).removeprefix("*.")
    return "." not in plain or is_listed_suffix(plain, private=private)


def is_listed_suffix(name: str, *, private: bool = False) -> bool:
    """As :func:`is_public_suffix`, by the list alone: ``com``, but no single label that only a house of its own has."""
    return not _suffixes()(_ascii_host(name.strip().strip(".")), include_psl_private_domains=private).domain


def same_domain(one: str, other: str) -> bool:
    """Whether two URLs lie below one registrable domain, so that one party answers for both."""
    return registrable_domain(host_of(one)) == registrable_domain(host_of(other))


def is_within(host: str, name: str) -> bool:
    """Whether a host is this name or lies below it; both may be in letters or in ``xn--`` form."""
    inner, outer = (_ascii_host(each.strip().strip("[]").rstrip(".")) for each in (host, name))
    return bool(outer) and (inner == outer or inner.endswith(f".{outer}"))


def in_letters(host: str) -> str:
    """What a host in ``xn--`` form is in letters; empty when it has no other form."""
    letters = idna_to_unicode(host) if "xn--" in host else ""
    return "" if letters == host else letters


def with_letters(host: str) -> str:
    """A host as a document shows it: an ``xn--`` form with its letters beside it."""
    letters = in_letters(host)
    return f"{host} ({letters})" if letters else host


def is_confusable(host: str) -> bool:
    """Whether one may take a host for another: a name in it mixes scripts, or consists of letters that look Latin.

    After UTS 39, "highly restrictive": of scripts only those that are written together may stand in one name.
    """
    return any(
        _is_mixed(label) or _looks_latin(label) or _LIKE_ASCII & set(label)
        for label in (in_letters(host) or host).split(".")
    )


def plain_host(host: str) -> str:
    """A host in lower-case ASCII without brackets and without the root's dot.

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
    """The address that a plain host is, or ``None`` for a name.

    Raises ``RefusedError`` for a number that isn't a dotted quad of decimal numbers: reason ``private-address`` when
    the standard's reading of it lies outside the public internet, else ``bad-url``. What a page names in such a way
    has its usual form already where it is asked about.
    """
    if ":" in host:
        return IPv6Address(host)
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError as error:
        read = host_of(f"http://{host}/")
        raise RefusedError(
            Sentence("%(host)s is an unusual way to write an address.", host=f"{host!r}"),
            reason=Reason.BAD_URL if not read or ip_address(read).is_global else Reason.PRIVATE_ADDRESS,
            hint=Sentence("Write an address as four decimal numbers without leading zeros."),
        ) from error


def is_localhost(host: str) -> bool:
    """Whether a plain host names the machine itself (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def names_of(host: str) -> list[str]:
    """The name of a host, and the names above it: of ``a.b.c`` also ``b.c`` and ``c``."""
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]


def embedded_ipv4(address: IPAddress) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, compatible (RFC 4291) or by NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


@cache
def _suffixes() -> "TLDExtract":
    """The Public Suffix List that comes with tldextract."""
    from tldextract import TLDExtract  # noqa: PLC0415 - takes a quarter of a second to load, and few commands need it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


@lru_cache(maxsize=20_000)
def _ascii_host(host: str) -> str:
    """A host in lower case, an internationalised name in its ``xn--`` form where the standard gives it one."""
    if host.isascii() or _NOT_IN_HOSTS.search(host):
        return host.lower()
    return host_of(f"http://{host}/") or host.lower()


def _respelled(text: str) -> str:
    """Upper-case hexadecimal digits, unreserved characters unescaped, unsafe ones escaped (RFC 3986, 6.2.2)."""
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
    return RefusedError(Sentence("%(host)s isn't a host.", host=f"{host!r}"), reason=Reason.BAD_URL)
