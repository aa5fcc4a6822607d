"""What an edit works on, and what it makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from PIL import Image

Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture that is being changed."""

    picture: Image.Image  # RGB
    others: Sequence[Image.Image]  # pictures that stand beside or behind it, RGB; never empty
    chance: Random = field(repr=False)
    """Decides where a crop lies, what a caption says, and the like. Edits draw from it in an order that doesn't
    depend on the picture, so that one seed lays the same overlay on every picture."""

    def other(self, number: int) -> Image.Image:
        """One of the other pictures; they are used in turns when there are few."""
        return self.others[number % len(self.others)]

    def any_other(self) -> Image.Image:
        """One of the other pictures by chance."""
        return self.others[int(self.chance.random() * len(self.others))]

    def showing(self, picture: Image.Image) -> "Scene":
        """The same scene around another picture."""
        return Scene(picture, self.others, self.chance)


Change = Callable[[Scene], Image.Image]
"""Makes the changed picture; it never changes the one in the scene."""


def any_colour(scene: Scene) -> Colour:
    """A colour by chance."""
    return (scene.chance.randint(0, 255), scene.chance.randint(0, 255), scene.chance.randint(0, 255))
