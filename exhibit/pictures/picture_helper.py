"""``python -m exhibit.pictures.picture_helper``: the helper that opens untrusted images (``pictures.decode``)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from exhibit.errors import UnreadablePictureError
from exhibit.helper import Answer, serve
from exhibit.pictures import metadata, picture_file
from exhibit.pictures.decode import Limits


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Return the requested data of an image, or the reason why it is refused."""
    limits = Limits(**question["limits"])
    try:
        if question["what"] == "metadata":
            return {"metadata": asdict(metadata.read_here(data, limits))}, b""
        if question["what"] == "iscc":
            from exhibit.pictures.iscc import computed_here  # noqa: PLC0415 - rarely needed

            return {"iscc": asdict(computed_here(data, limits))}, b""
        if question["what"] == "profile":
            return {}, picture_file.profile(data, limits)
        if question["what"] == "inspect":
            return {"info": asdict(picture_file.inspect(data, limits))}, b""
        picture = picture_file.decode(data, limits, question["at_least"])
    except UnreadablePictureError as refused:
        return {"sentence": refused.message, "reason": refused.reason, "hint": refused.hint}, b""
    properties = {"info": asdict(picture.info), "shape": picture.pixels.shape, "scale": picture.scale}
    return properties, picture.pixels.data.cast("B")


if __name__ == "__main__":
    serve(answer)
