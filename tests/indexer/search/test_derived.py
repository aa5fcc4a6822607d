"""Test that redrawn works are aligned by their edges, graded, and never reported as more than resembling."""

import numpy as np
from PIL import Image, ImageFilter

from exhibit.comparison.derived import grade, survival
from exhibit.comparison.similarity import laid_on
from exhibit.types import Decision, Verification
from indexer.compare.decision import verify
from indexer.search.derived import graded
from tests.assets.edited import measured
from tests.assets.redrawn import scene
from tests.assets.textured import encoded, textured

PICTURE = scene(1)
WORK = measured(encoded(PICTURE))


def drawn_anew() -> Image.Image:
    """Return only lines, mirrored, reduced and slightly displaced."""
    lines = scene(1, drawn=True).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return lines.crop((8, 6, *lines.size)).resize((400, 300))


def compared(picture: Image.Image) -> tuple[Verification, Verification]:
    found = measured(encoded(picture))
    plain = verify(found, WORK)
    return plain, graded(found, WORK, plain)


def test_what_is_drawn_anew_is_derived_and_the_verifier_sees_the_same() -> None:
    plain, derived = compared(drawn_anew())
    assert plain.decision is Decision.NONE
    assert derived.decision is Decision.RESEMBLES
    assert derived.reasons == ("derived",)
    assert derived.mirrored
    assert derived.transform is not None
    assert grade(derived.survival) in (2, 3)
    again = survival(*laid_on(np.asarray(drawn_anew()), np.asarray(PICTURE), derived.transform))
    away = sum(map(str.__ne__, "".join(again), "".join(derived.survival)))
    assert away <= 0.1 * sum(map(len, again))


def test_another_picture_stays_what_it_is() -> None:
    plain, derived = compared(textured(77, PICTURE.size))
    assert plain.decision is Decision.NONE
    assert derived == plain


def test_of_a_copy_only_the_map_is_added() -> None:
    plain, derived = compared(PICTURE.filter(ImageFilter.GaussianBlur(1)))
    assert derived.decision is plain.decision is Decision.CERTAIN
    assert grade(derived.survival) == 5
    assert derived.transform == plain.transform


def test_a_plain_work_has_no_derived_ones() -> None:
    plain = measured(encoded(Image.linear_gradient("L").convert("RGB").resize(PICTURE.size)))
    found = measured(encoded(drawn_anew()))
    assert graded(found, plain, verify(found, plain)).decision is Decision.NONE
