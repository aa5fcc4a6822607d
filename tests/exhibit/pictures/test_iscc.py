"""Test ISO 24138 codes of inputs prepared by the standard's reference, and values of soft bindings."""

from base64 import b64encode, urlsafe_b64encode
from io import BytesIO

import iscc_lib
import numpy as np
import pytest
from PIL import Image

from exhibit.errors import InvalidRequestError, UnreadablePictureError
from exhibit.pictures.decode import Limits
from exhibit.pictures.iscc import Iscc, compute_iscc, read_binding
from tests.assets.badfiles import encode, generate_photo

LIMITS = Limits()


def units_apart(first: str, other: str) -> int:
    bits = [iscc_lib.iscc_decode(unit)[4] for unit in (first, other)]
    return sum((a ^ b).bit_count() for a, b in zip(*bits, strict=True))


def with_frame(picture: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (picture.width + 70, picture.height + 1100), (10, 200, 10))
    whole.paste(picture, (40, 600))
    return whole


def test_iscc_equals_that_of_the_reference_library() -> None:
    assert iscc_lib.conformance_selftest()
    picture = generate_photo()
    data = encode(picture, "PNG")
    grey = picture.convert("L").resize((32, 32), Image.Resampling.BICUBIC).tobytes()
    code = compute_iscc(data, LIMITS)
    assert code.content == iscc_lib.gen_image_code_v0(grey, bits=256)["iscc"]
    assert code.data == iscc_lib.gen_data_code_v0(BytesIO(data), bits=256)["iscc"]
    assert code.instance == iscc_lib.gen_instance_code_v0(BytesIO(data), bits=256)["iscc"]
    assert code.code == iscc_lib.gen_iscc_code_v0([code.content, code.data, code.instance])["iscc"]


def test_border_rotation_and_transparency_do_not_change_content_code() -> None:
    picture = generate_photo()
    plain = compute_iscc(encode(picture, "PNG"), LIMITS)
    bordered = compute_iscc(encode(with_frame(picture), "PNG"), LIMITS)
    assert (bordered.content, bordered.instance == plain.instance) == (plain.content, False)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = compute_iscc(encode(picture.rotate(90, expand=True), "PNG", exif=exif), LIMITS)
    assert turned.content == plain.content
    clear = Image.new("RGBA", (picture.width + 8, picture.height + 8), (0, 0, 0, 0))
    clear.paste(picture, (4, 4))
    assert compute_iscc(encode(clear, "PNG"), LIMITS).content == plain.content


def test_iscc_of_edited_copy_is_near_and_iscc_of_unrelated_picture_is_far() -> None:
    plain = compute_iscc(encode(generate_photo(), "PNG"), LIMITS)
    copy = compute_iscc(encode(generate_photo().resize((192, 128)), "JPEG", quality=60), LIMITS)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    assert (
        units_apart(plain.content, copy.content)
        < 26
        < units_apart(plain.content, compute_iscc(encode(noise, "PNG"), LIMITS).content)
    )
    assert compute_iscc(encode(Image.new("RGB", (40, 40), "red"), "PNG"), LIMITS).code.startswith("ISCC:K")


def test_invalid_or_oversized_picture_is_refused_in_the_helper() -> None:
    with pytest.raises(UnreadablePictureError):
        compute_iscc(b"%PDF-1.7", LIMITS)
    with pytest.raises(UnreadablePictureError):
        compute_iscc(encode(generate_photo(), "PNG"), Limits(max_pixels=100))


def test_soft_binding_round_trips() -> None:
    code = compute_iscc(encode(generate_photo(), "PNG"), LIMITS)
    assert read_binding(b64encode(code.binding).decode()) == code.bodies
    assert read_binding(urlsafe_b64encode(code.binding).decode().rstrip("=")) == code.bodies
    assert set(code.bodies) == {"content", "data", "instance"}
    assert all(len(body) == 32 for body in code.bodies.values())


VECTOR_2 = (
    "21018c3585376ee22d5a22039f07f3ff9e0061ff3ef7cbffffef37ff300705b41f3472493225d27edcbdb63236846a53ee28"
    "deca5e3561acc0c9bbdf81b5"
)
"""From IEP-0020: Content-Codes of 64 and 128 bits, and a Data-Code of 256."""


def test_iscc_units_of_shorter_length_are_skipped() -> None:
    binding = read_binding(b64encode(bytes.fromhex(VECTOR_2)).decode())
    assert {name: body.hex() for name, body in binding.items()} == {"data": VECTOR_2[-64:]}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not*base64",
        "A" * 5000,
        *(
            b64encode(bytes.fromhex(one)).decode()
            for one in (
                "28000100000000",  # a wrong header
                "3000000000",  # truncated
                "30000000000000",  # one byte too many
                "5005578c7c8fbfbdb58fa88248c53a852c8d05b41f3472493225a522af4a2c9cbf6a",  # an ISCC-CODE
                "60100000000000000000",  # an ISCC-ID
                VECTOR_2[:20],  # too short as a single unit
            )
        ),
    ],
)
def test_invalid_soft_binding_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_binding(value)


def test_overlong_soft_binding_value_is_refused_before_parsing() -> None:
    binding = Iscc("", *("ISCC:" + "GADQLNA7GRZESMRF2J7NZPNWGI3II2ST5YUN5SS6GVQ2ZQGJXPPYDNI",) * 3).binding
    with pytest.raises(InvalidRequestError):
        read_binding(b64encode(binding * 40).decode())
