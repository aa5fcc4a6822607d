"""All primitives by name, each with its family; which of them are held back."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

from bench.primitives import (
    among_others,
    bending,
    codec,
    composition,
    cut_out,
    displacement,
    geometry,
    occlusion,
    overlay,
    partial_tone,
    rephotography,
    style,
    tone,
)
from bench.primitives.canvas import Canvas, Chance


@dataclass(frozen=True, slots=True)
class Primitive:
    """One operation.

    Attributes:
        name: identity, such as ``bending.swirl``.
        family: the module it stands in.
        change: makes the changed canvas.
        held_out: never to be trained or tuned with: every third of a family, by the order of their names.
    """

    name: str
    family: str
    change: Callable[[Canvas, Chance], Canvas]
    held_out: bool


_MODULES = (
    geometry,
    bending,
    displacement,
    tone,
    partial_tone,
    codec,
    overlay,
    composition,
    among_others,
    rephotography,
    cut_out,
    occlusion,
    style,
)


def _primitives(module: ModuleType) -> list[Primitive]:
    family = module.__name__.rpartition(".")[2]
    found = {
        name: change
        for name, change in inspect.getmembers(module, inspect.isfunction)
        if change.__module__ == module.__name__ and not name.startswith("_")
    }
    return [
        Primitive(f"{family}.{name}", family, change, held_out=number % 3 == 1)
        for number, (name, change) in enumerate(sorted(found.items()))
    ]


PRIMITIVES: Mapping[str, Primitive] = MappingProxyType(
    {primitive.name: primitive for module in _MODULES for primitive in _primitives(module)}
)
FAMILIES: tuple[str, ...] = tuple(module.__name__.rpartition(".")[2] for module in _MODULES)
