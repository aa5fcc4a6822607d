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
    """Picture that is being edited, with other pictures and the random source."""

    picture: Image.Image  # RGB
    other_pictures: Sequence[Image.Image]  # pictures placed beside or behind it, RGB; never empty
    random_source: Random = field(repr=False)
    """Random source for the position of a crop, the words of a caption, and the like. Edits draw from it in an order
    that does not depend on the picture, so that one seed creates the same overlay on every picture."""

    def get_other(self, number: int) -> Image.Image:
        """Return one of the other pictures by its number, which wraps around."""
        return self.other_pictures[number % len(self.other_pictures)]

    def choose_other(self) -> Image.Image:
        """Return a random one of the other pictures."""
        return self.other_pictures[int(self.random_source.random() * len(self.other_pictures))]

    def with_picture(self, picture: Image.Image) -> "Scene":
        """Return the same scene with another picture."""
        return Scene(picture, self.other_pictures, self.random_source)


Change = Callable[[Scene], Image.Image]
"""Returns the edited picture, without modifying the one in the scene."""


def choose_colour(scene: Scene) -> Colour:
    """Return a random colour."""
    return (
        scene.random_source.randint(0, 255),
        scene.random_source.randint(0, 255),
        scene.random_source.randint(0, 255),
    )
