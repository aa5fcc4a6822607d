"""Bundles of which an earlier version of the comparison had sealed something else: animations, and colour profiles."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from evidence.facts.case import CaseFacts
from exhibit.comparison.similarity import dense_similarity
from exhibit.pictures.decode import Limits, decode
from registry.bundles.sentences import words_of
from tests.assets.badfiles import saved
from tests.assets.bundles import HALF_MIRRORED, found_bytes, registered_bytes
from tests.assets.profiles import rgb_profile, shuffle, undone


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


def turned_by_exif(seed: int) -> bytes:
    """A copy as ``bundles.found_bytes`` makes it, in a WebP whose EXIF block says to turn it, which browsers don't."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.open(BytesIO(found_bytes(seed))), "WEBP", lossless=True, exif=exif)


def as_turned(facts: CaseFacts) -> CaseFacts:
    """What earlier states made of ``turned_by_exif``."""
    [match], [sighting] = facts.matches, facts.sightings
    width, height = sighting.picture.width, sighting.picture.height
    turned = replace(sighting, picture=replace(sighting.picture, width=height, height=width))
    (a, b, c), (d, e, f), last = match.verification.transform or HALF_MIRRORED
    clockwise = (-b, a, c + b * (height - 1)), (-e, d, f + e * (height - 1)), last
    measured = replace(match.verification, transform=clockwise, rotation=-90)
    return replace(facts, sightings=(turned,), matches=(replace(match, verification=measured),))


def profiled(seed: int) -> bytes:
    """A copy as ``bundles.found_bytes`` makes it, in levels that have changed places, with a profile that undoes it."""
    shown, stored = np.asarray(Image.open(BytesIO(found_bytes(seed))).convert("RGB")), shuffle()
    return saved(Image.fromarray(stored[shown]), "PNG", icc_profile=rgb_profile(undone(stored)))


def as_measured_by(facts: CaseFacts, pipeline: str, *, profiles: bool) -> CaseFacts:
    """What a version of the comparison states of ``profiled`` and its work, with the profile applied or not."""
    [match] = facts.matches
    found, work = (decode(data, Limits(profiles=profiles)).pixels for data in (profiled(1), registered_bytes(1)))
    dense = dense_similarity(found, work, HALF_MIRRORED)
    measured = replace(match.verification, dense=dense, probability=None, calibration=None, pipeline=pipeline)
    match = replace(match, verification=measured, words=words_of(measured, None))
    return replace(facts, matches=(match,), software=replace(facts.software, pipeline=pipeline), calibrations=())
