"""Bundles whose found picture is an animation, and what an earlier version of the comparison had sealed of it."""

from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageOps

from evidence.facts.case import CaseFacts
from tests.assets.bundles import registered_bytes
from workers.texts.sentences import words_of


def moving(seed: int, kind: str = "GIF") -> bytes:
    """A copy as ``bundles.found_bytes`` makes it, that stands a second behind a title card of 20 ms.

    A PNG has another card as its still picture, which isn't part of the animation.
    """
    shown = Image.open(BytesIO(registered_bytes(seed))).convert("RGB")
    half = ImageOps.mirror(shown.resize((shown.width // 2, shown.height // 2), Image.Resampling.BILINEAR))
    card = Image.linear_gradient("L").resize(half.size).convert("RGB")
    out, how = BytesIO(), {"duration": [20, 1000], "loop": 0, "lossless": True}
    frames = [half]
    if kind == "PNG":
        frames, how = [ImageOps.flip(card), half], {**how, "default_image": True}
    card.save(out, kind, save_all=True, append_images=frames, **how)
    return out.getvalue()


def first_frame(facts: CaseFacts, pipeline: str) -> CaseFacts:
    """What a version of the comparison makes of the title card that an animation begins with."""
    [match] = facts.matches
    unmeasured = replace(match.verification, dense=0.1, probability=None, calibration=None, pipeline=pipeline)
    match = replace(match, verification=unmeasured, words=words_of(unmeasured, None))
    return replace(facts, matches=(match,), software=replace(facts.software, pipeline=pipeline), calibrations=())
