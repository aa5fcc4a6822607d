"""Images and imported sheets that style sheets name."""

import re

import tinycss2

_TOKEN = re.compile(
    r"""
    /\*.*?(?:\*/|\Z)  # a comment; one that isn't closed reaches to the end
    | (?P<url>(?<![\w-])url\(\s*+(?:
        "(?:\\.|[^"\\\n])*+"\s*+(?:\)|\Z) | '(?:\\.|[^'\\\n])*+'\s*+(?:\)|\Z) | (?:\\.|[^()"'\\])*+(?:\)|\Z)))
    | (?P<set>(?<![\w-])(?:-webkit-)?image-set\()
    | (?P<string>"(?:\\.|[^"\\\n])*+(?:"|\n|\Z) | '(?:\\.|[^'\\\n])*+(?:'|\n|\Z))
    | \\.  # an escape outside of strings
    | @(?P<at>import|namespace|font-face)\b
    | (?P<sign>[(){};])
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_HINT = re.compile(r"url\(|image-set\(|@import", re.IGNORECASE)
_FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def read_sheet(text: str) -> tuple[list[str], list[str]]:
    """Return the images in ``url()`` and ``image-set()`` of a sheet or declarations, and the imported sheets.

    URLs are returned as written, each once; fonts are omitted. One pass cuts out the tokens that can contain URLs, as
    CSS Syntax Module Level 3 defines them, and tinycss2 parses only those, as it takes a second for a whole framework.
    """
    images: dict[str, None] = {}
    imports: dict[str, None] = {}
    if not _HINT.search(text):
        return [], []
    at, inside = "", 0  # the open at-rule; number of open brackets since the start of the image-set
    for match in _TOKEN.finditer(text):
        kind, cut = match.lastgroup, match[0]
        if kind == "at":
            at = match["at"].lower()
        elif kind == "set":
            inside = 1
        elif kind == "sign" and cut in "()":
            inside += {"(": 1, ")": -1}[cut] if inside else 0
        elif kind == "sign":
            inside = 0
            at = "" if cut == "}" or (cut == ";" and at != "font-face") else at
        elif (kind == "url" or (kind == "string" and (inside == 1 or at == "import"))) and at in ("", "import"):
            (imports if at == "import" else images)[_address(cut)] = None
            at = ""
    return [address for address in images if _is_image(address)], [address for address in imports if address]


def _address(token: str) -> str:
    """Return the value of a string or ``url()`` token, unescaped."""
    nodes = tinycss2.parse_component_value_list(token)
    if nodes and nodes[0].type == "function":
        nodes = [part for part in nodes[0].arguments if part.type != "whitespace"]
    return nodes[0].value if nodes and nodes[0].type in ("url", "string") else ""


def _is_image(address: str) -> bool:
    path = address.partition("?")[0].partition("#")[0]
    return bool(path) and "\ufffd" not in address and not path.lower().endswith(_FONTS)
