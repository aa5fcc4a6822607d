"""Every regular expression of the product, and texts generated from each to slow it down."""

import ast
import re
import re._constants as sre  # type: ignore[import-not-found]  # the parts of a pattern, as `re` names them
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("crawler", "desk", "evidence", "exhibit", "indexer", "registry", "workers")
CALLS = {"compile", "match", "search", "sub", "subn", "findall", "finditer", "split", "fullmatch"}
SIGNS = " \t\n\r\"'`<>&\\/0a.-_=:;,(){}[]#%@*\0é中"
"""Characters of which long runs are tried with every pattern."""


@dataclass(frozen=True)
class PatternUse:
    """A pattern, its source location, and how it is applied: at one place of a text, or from every place."""

    where: str
    pattern: "re.Pattern[Any]"
    searches: bool


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the product's modules with their import names."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and path.name != "__main__.py":
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def find_patterns() -> tuple[list[PatternUse], list[str]]:
    """Return all patterns in the source, and the calls that build their pattern at run time."""
    by_pattern: dict[tuple[str, object], PatternUse] = {}
    dynamic_calls = []
    for name, path in modules():
        source = path.read_text("utf-8")
        if "re." not in source:
            continue
        tree = ast.parse(source)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_call(node)]
        if not calls:
            continue
        scope = vars(import_module(name))
        scanned, anchored = _uses(tree)
        inside = {child for node in ast.walk(tree) if isinstance(node, FUNCTIONS) for child in ast.walk(node)}
        chained = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names = dict(pair for node in ast.walk(tree) for pair in _assigned_values(node))
        for call in calls:
            pattern = _evaluate(call, scope)
            method = chained.get(id(call), call.func.attr)  # type: ignore[attr-defined]
            if pattern is not None:
                variable = names.get(id(call), "")
                is_anchored = method in ("match", "fullmatch") or (variable in anchored and variable not in scanned)
                key = (pattern.pattern, pattern.flags)
                previous = by_pattern.get(key)
                if previous is None or (previous.searches is False and not is_anchored):
                    by_pattern[key] = PatternUse(f"{name}:{call.lineno}", pattern, searches=not is_anchored)
            elif call in inside:
                dynamic_calls.append(f"{name}: {ast.unparse(call.args[0])}")
        for compiled in _find_compiled(list(scope.values())):
            by_pattern.setdefault((compiled.pattern, compiled.flags), PatternUse(name, compiled, searches=True))
    return list(by_pattern.values()), dynamic_calls


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _is_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in CALLS
        and bool(node.args)
    )


def _assigned_values(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the ID of each value assigned to a name, with the name; tuple assignments are split."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return
    target, value = node.targets[0], node.value
    pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
    yield from ((id(assigned_value), name.id) for name, assigned_value in pairs if isinstance(name, ast.Name))


def _uses(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names of patterns that are searched in a text, and of those matched at one place only."""
    scanned, anchored = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in CALLS:
            (anchored if node.attr in ("match", "fullmatch") else scanned).add(node.value.id)
    return scanned, anchored


def _evaluate(call: ast.Call, scope: dict[str, Any]) -> "re.Pattern[Any] | None":
    """Return the pattern of a call, evaluated with the names of its module; None if a name is not defined there."""
    at = {"sub": 4, "subn": 4, "split": 3, "compile": 1}.get(call.func.attr, 2)  # type: ignore[attr-defined]
    flags = [word.value for word in call.keywords if word.arg == "flags"] or call.args[at : at + 1]
    try:
        expression, *evaluated_flags = (
            eval(compile(ast.Expression(node), "", "eval"), scope)  # noqa: S307 - our own source
            for node in (call.args[0], *flags)
        )
    except NameError:
        return None
    return expression if isinstance(expression, re.Pattern) else re.compile(expression, *evaluated_flags)


def _find_compiled(values: list[object], depth: int = 3) -> Iterator["re.Pattern[Any]"]:
    """Yield the patterns among a module's values, also in collections."""
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif depth and isinstance(value, dict):
            yield from _find_compiled([*value.keys(), *value.values()], depth - 1)
        elif depth and isinstance(value, list | tuple | set | frozenset):
            yield from _find_compiled(list(value), depth - 1)


def hostile_texts(pattern: "re.Pattern[Any]") -> list[tuple[str, str, int]]:
    """Return texts that a pattern almost matches, repeatedly or for long: prefix, repeated part, and repetitions.

    The number is 0 if the whole text consists of repetitions; :func:`build_text` generates the text.
    """
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    pieces: dict[str, None] = {}
    for sample in dict.fromkeys(islice(_samples(tree), 6)):
        for cut in sorted({1, len(sample) // 2, len(sample) - 1, len(sample)}):
            if 0 < cut <= len(sample):
                pieces[sample[:cut]] = None
    texts = [("", sign, 0) for sign in SIGNS]
    for piece in pieces:
        texts += [("", piece, 0), ("", piece + " ", 0)]
        for sign in dict.fromkeys((piece[-1], " ", "a")):
            texts += [(piece, sign, 0), (piece, sign, 300)]
    return texts


def build_text(text: tuple[str, str, int], size: int, pattern: "re.Pattern[Any]") -> str | bytes:
    """Return a hostile text of about this many characters."""
    begins, repeated, times = text
    part = begins + repeated * times if times else repeated
    whole = ("" if times else begins) + part * (size // len(part) + 1) + "\x01"
    return whole.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else whole


def _samples(tree: Any, depth: int = 12) -> Iterator[str]:  # noqa: ANN401 - of re's own parser
    """Yield some strings that a parsed pattern matches, apart from its assertions."""
    samples = [""]
    for kind, value in tree:
        samples = [prefix + suffix for suffix in _samples_of_part(kind, value, depth) for prefix in samples][:24]
    yield from samples


def _samples_of_part(kind: Any, value: Any, depth: int) -> Sequence[str]:  # noqa: ANN401 - as above
    """Return some strings that a part of a pattern matches; an empty one for anchors, assertions and references."""
    if depth and kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        min_count, max_count, part = value
        return [sample * max(min_count, min(max_count, 3)) for sample in islice(_samples(part, depth - 1), 6)]
    if depth and kind is sre.BRANCH:
        return [sample for branch in value[1] for sample in islice(_samples(branch, depth - 1), 3)][:16]
    if depth and kind in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
        return list(islice(_samples(value[-1] if kind is sre.SUBPATTERN else value, depth - 1), 12))
    signs: dict[Any, Callable[[], str]] = {sre.LITERAL: lambda: chr(value), sre.IN: lambda: _matching_character(value)}
    signs |= {sre.ANY: lambda: "a", sre.NOT_LITERAL: lambda: "b" if value == ord("a") else "a"}
    return [signs[kind]() if kind in signs else ""]


def _matching_character(parts: Any) -> str:  # noqa: ANN401 - as above
    """Return a character of a set."""
    printable = "".join(map(chr, range(32, 127))) + "\n\t\r\x00\x80é中"
    negated = bool(parts) and parts[0][0] is sre.NEGATE
    likely = "a0" + printable if negated else printable
    for sign in likely:
        if any(_holds(part, value, sign) for part, value in parts) is not negated:
            return sign
    for part, value in parts:
        if part is sre.LITERAL:
            return chr(value)
        if part is sre.RANGE:
            return chr(value[0])
    return "a"


def _holds(part: Any, value: Any, sign: str) -> bool:  # noqa: ANN401 - as above
    if part is sre.LITERAL:
        return bool(ord(sign) == value)
    if part is sre.RANGE:
        return bool(value[0] <= ord(sign) <= value[1])
    if part is sre.CATEGORY:
        word, digit, space = sign.isalnum() or sign == "_", sign.isdigit(), sign.isspace()
        holds: dict[Any, bool] = {
            sre.CATEGORY_WORD: word, sre.CATEGORY_NOT_WORD: not word, sre.CATEGORY_DIGIT: digit,
            sre.CATEGORY_NOT_DIGIT: not digit, sre.CATEGORY_SPACE: space, sre.CATEGORY_NOT_SPACE: not space,
        }  # fmt: skip
        return holds[value]
    return False


def cost(used: PatternUse, text: str | bytes) -> float:
    """Return the processor time of a pattern in microseconds per character of a text, applied as in the code."""
    start = time.process_time()
    if used.searches:
        for _ in used.pattern.finditer(text):
            pass
    else:
        used.pattern.fullmatch(text)
        at = 0
        while (fit := used.pattern.match(text, at)) and fit.end() > at:
            at = fit.end()
    return (time.process_time() - start) * 1e6 / len(text)


def find_slow_text(used: PatternUse, max_cost: float) -> str:
    """Return the start of a text that costs more than ``max_cost`` microseconds per character; empty if none does."""
    for text in hostile_texts(used.pattern):
        short = build_text(text, 2_000, used.pattern)
        if all(cost(used, short) > max_cost / 4 for _ in range(3)):
            for size, limit in ((8_000, 4 * max_cost), (32_000, max_cost)):  # detects fast growth before it takes long
                long = build_text(text, size, used.pattern)
                if all(cost(used, long) > limit for _ in range(3)):
                    return f"{len(long)} characters that begin with {long[:60]!r}"
    return ""
