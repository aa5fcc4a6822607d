"""Sandboxed helper process that opens untrusted images: ``python -m exhibit.pictures.picture_helper``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from exhibit.errors import UnreadablePictureError
from exhibit.helper import HelperResult, serve
from exhibit.pictures import metadata, picture_file
from exhibit.pictures.decode import Limits


def handle_request(request: Mapping[str, Any], data: bytes) -> HelperResult:
    """Handle a request of :func:`exhibit.pictures.decode.query_helper`.

    Returns:
        The requested data of the image, or the message, reason and hint of its refusal; and the pixels or the profile.
    """
    limits = Limits(**request["limits"])
    try:
        if request["what"] == "metadata":
            return {"metadata": asdict(metadata.read_in_process(data, limits))}, b""
        if request["what"] == "iscc":
            from exhibit.pictures.iscc import compute_iscc_in_process  # noqa: PLC0415 - rarely needed

            return {"iscc": asdict(compute_iscc_in_process(data, limits))}, b""
        if request["what"] == "profile":
            return {}, picture_file.read_profile(data, limits)
        if request["what"] == "inspect":
            return {"info": asdict(picture_file.inspect(data, limits))}, b""
        picture = picture_file.decode(data, limits, request["at_least"])
    except UnreadablePictureError as error:
        return {"sentence": error.message, "reason": error.reason, "hint": error.hint}, b""
    properties = {"info": asdict(picture.info), "shape": picture.pixels.shape, "scale": picture.scale}
    return properties, picture.pixels.data.cast("B")


if __name__ == "__main__":
    serve(handle_request)
