"""Modules loaded when they are first used: those that a package offers (PEP 562), and those that a module imports."""

import builtins
import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

from exhibit.types import Untyped


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """A ``__getattr__`` for a package, from each public name with the module below the package that has it."""

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        return found

    return load


class _Late(ModuleType):
    """Stands for a module, and loads it when a name of it is asked for."""

    def __getattr__(self, name: str) -> object:
        found: object = getattr(importlib.import_module(self.__name__), name)
        return found


@contextmanager
def late() -> Iterator[None]:
    """Within the block ``from package import module`` loads nothing: a module is loaded when a name of it is used.

    As ``lazy from package import module`` of PEP 810 does; only whole modules can be imported so.
    """
    usual, here = builtins.__import__, threading.get_ident()

    def put_off(package: str, *where: Untyped) -> object:
        if threading.get_ident() != here:
            return usual(package, *where)
        _globals, _locals, modules, _level = where
        return SimpleNamespace(**{name: _Late(f"{package}.{name}") for name in modules})

    builtins.__import__ = put_off  # type: ignore[assignment]  # what stands for a module is none
    try:
        yield
    finally:
        builtins.__import__ = usual
