"""A sentence that knows of what it was made, so that whoever shows it can say it in another language."""

from collections.abc import Mapping
from typing import Self

CONTEXT = "sentence"
"""What the catalogues of translations keep these sentences under."""


class Sentence(str):
    """An English sentence, or a piece of one, made of a template and values, which stand where it has ``%(name)s``.

    Errors, logs and rows take it as the text that it is. ``tools/messages.py`` collects the templates; a value that is
    itself a template of the catalogue is translated, too. A sentence without values is shown as it is written.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Fill the template."""
        said = super().__new__(cls, template % values if values else template)
        said.template, said.values = template, values
        return said
