"""All primitives by name, with their families and the held-out flag."""

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
from bench.primitives.canvas import Canvas, RandomSource


@dataclass(frozen=True, slots=True)
class Primitive:
    """One operation.

    Attributes:
        name: Identity, such as ``bending.swirl``.
        family: Module that defines it.
        change: Function that returns the changed canvas.
        held_out: True for every third primitive of a family in the order of names, which is never used for training or
            tuning.
    """

    name: str
    family: str
    change: Callable[[Canvas, RandomSource], Canvas]
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


def _list_primitives(module: ModuleType) -> list[Primitive]:
    family = module.__name__.rpartition(".")[2]
    changes = {
        name: change
        for name, change in inspect.getmembers(module, inspect.isfunction)
        if change.__module__ == module.__name__ and not name.startswith("_")
    }
    return [
        Primitive(f"{family}.{name}", family, change, held_out=number % 3 == 1)
        for number, (name, change) in enumerate(sorted(changes.items()))
    ]


PRIMITIVES: Mapping[str, Primitive] = MappingProxyType(
    {primitive.name: primitive for module in _MODULES for primitive in _list_primitives(module)}
)
FAMILIES: tuple[str, ...] = tuple(module.__name__.rpartition(".")[2] for module in _MODULES)
