"""Input of an edit, and the type of its function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from PIL import Image

Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture that is being edited."""

    picture: Image.Image  # RGB
    others: Sequence[Image.Image]  # pictures placed beside or behind it, RGB; never empty
    chance: Random = field(repr=False)
    """Random source for the position of a crop, the words of a caption, and the like. Edits draw from it in an order
    that does not depend on the picture, so that one seed creates the same overlay on every picture."""

    def other(self, number: int) -> Image.Image:
        """Return one of the other pictures, cyclically by number."""
        return self.others[number % len(self.others)]

    def any_other(self) -> Image.Image:
        """Return a random one of the other pictures."""
        return self.others[int(self.chance.random() * len(self.others))]

    def showing(self, picture: Image.Image) -> "Scene":
        """Return the same scene with another picture."""
        return Scene(picture, self.others, self.chance)


Change = Callable[[Scene], Image.Image]
"""Returns the edited picture, without modifying the one in the scene."""


def choose_colour(scene: Scene) -> Colour:
    """Return a random colour."""
    return (scene.chance.randint(0, 255), scene.chance.randint(0, 255), scene.chance.randint(0, 255))
