"""Lazy import of the public names of a package (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping


def build_lazy_getattr(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Create a ``__getattr__`` for a package.

    Args:
        package: Name of the package.
        modules: For each public name, the submodule that defines it.
    """

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        return value

    return load
