"""What is measured of odd files is what a browser shows of them: a gallery, held against Chromium's own pixels."""

import base64
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import UnreadablePictureError
from exhibit.pictures import picture_file
from exhibit.pictures.animation import AFTER_END, ENDS_WITHIN, animation_of
from exhibit.pictures.decode import Limits, decode
from tests.assets.badfiles import difference, saved
from tests.assets.browser import CHROMIUM, Tab, running_tab
from tests.assets.odd_pictures import (
    ODD_PICTURES,
    ODD_TIMES,
    OddPicture,
    alike_in_fields,
    animated,
    card,
    cut,
    hidden_default,
    picture,
    with_another_alike,
)

SHOW = """
const bytes = (packed) => Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
const drawn = (image, width, height) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
};
const still = async (packed, type) => {
  const image = new Image();
  const ended = new Promise((done) => { image.onload = image.onerror = done; });
  image.src = URL.createObjectURL(new Blob([bytes(packed)], { type }));
  await ended;
  return image.naturalWidth ? drawn(image, image.naturalWidth, image.naturalHeight) : "";
};
const frame = async (packed, type, frameIndex) => {
  const decoder = new ImageDecoder({ data: bytes(packed), type });
  await Promise.all([decoder.tracks.ready, decoder.completed.catch(() => 0)]);
  const { image } = await decoder.decode({ frameIndex });
  return drawn(image, image.displayWidth, image.displayHeight);
};
"""

TIMES = """
const times = async (packed, type) => {
  const data = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const decoder = new ImageDecoder({ data, type });
  await Promise.all([decoder.tracks.ready, decoder.completed]);
  const { animated, frameCount, repetitionCount } = decoder.tracks.selectedTrack;
  const seconds = [];
  for (let frameIndex = 0; animated && frameIndex < frameCount; frameIndex += 1) {
    seconds.push((await decoder.decode({ frameIndex })).image.duration / 1e6);
  }
  return [seconds, repetitionCount === Infinity ? null : repetitionCount + 1];
};
"""

SHOWN_OTHERWISE_SINCE_151 = frozenset({
    "png-interlaced-cut80", "png-interlaced-cut30", "png-interlaced-palette-cut60",  # what is missing is filled in
    "translucent-avif", "avif-1-cards", "avif-5-cards", "avif-cards-behind",  # up to 5.4 levels away, as the next three
    "avif-fewer-times", "avif-plays-once", "avif-times-in-free-box",
    "profile-another-light", "png-profile-another-light",  # 7.4 levels away, as the next two
    "profile-shorter-than-said", "png-profile-shorter-than-said",
})  # fmt: skip
"""Broken files, and colours, that Chromium 156 shows in another way than 150; they are measured as 150 shows them."""


def shown(tab: Tab, data: bytes, kind: str, frame: int | None) -> NDArray[np.uint8] | None:
    """The pixels that Chromium shows of a file, or of a frame of it, on white; ``None`` where it shows nothing."""
    packed = base64.b64encode(data).decode()
    asked = f"still('{packed}', '{kind}')" if frame is None else f"frame('{packed}', '{kind}', {frame})"
    png = tab.ask(asked)
    return np.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGB")) if png else None


def compared(tab: Tab, odd: OddPicture) -> str:
    """What differs, in words; empty where both show the same."""
    data = odd.make()
    theirs = shown(tab, data, odd.kind, odd.frame)
    try:
        ours = decode(data)
    except UnreadablePictureError as refused:
        return "" if theirs is None else f"refused: {refused.message}"
    if theirs is None or ours.pixels.shape != theirs.shape:
        return f"of {ours.pixels.shape} instead of {theirs if theirs is None else theirs.shape}"
    away = difference(ours.pixels, theirs)
    if away > odd.tolerance:
        return f"{away:.1f} levels away"
    return "" if ours.info.incomplete == odd.incomplete else f"said to be {'in' * bool(ours.info.incomplete)}complete"


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_every_odd_file_is_measured_as_chromium_shows_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><script>{SHOW}</script>", encoding="utf-8")
    with running_tab(tmp_path / "profile") as tab:
        tab.open(page.as_uri())
        version = int(re.search(r"Chrome/(\d+)", tab.ask("navigator.userAgent"))[1])  # type: ignore[index] # it has one
        known = [odd for odd in ODD_PICTURES if version < 151 or odd.name not in SHOWN_OTHERWISE_SINCE_151]
        told = {odd.name: compared(tab, odd) for odd in known}
        cut_off = {kind: cut(saved(picture(), kind), 0.9) for kind in ("WEBP", "AVIF")}
        nothing = {kind: shown(tab, data, f"image/{kind.lower()}", None) for kind, data in cut_off.items()}
    assert {name: what for name, what in told.items() if what} == {}
    assert len(ODD_PICTURES) >= 150
    for kind, pixels in nothing.items():
        assert pixels is None or (pixels == 255).all(), "then it has to be measured, too"
        with pytest.raises(UnreadablePictureError):
            decode(cut_off[kind])


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_times_and_playings_of_animations_are_chromiums(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><script>{TIMES}</script>", encoding="utf-8")
    ours, theirs = {}, {}
    with running_tab(tmp_path / "profile") as tab:
        tab.open(page.as_uri())
        for name, kind, make in ODD_TIMES:
            data = make()
            seconds, plays = tab.ask(f"times('{base64.b64encode(data).decode()}', 'image/{kind.lower()}')")
            if plays is not None and len(seconds) > 1 and plays * sum(seconds) <= ENDS_WITHIN:
                seconds[-1] += AFTER_END
            theirs[name] = [round(one, 3) for one in seconds]
            ours[name] = [round(one, 3) for one in animation_of(data, kind).seconds]
    assert ours == theirs


PICTURE = np.asarray(picture())


@pytest.mark.parametrize("odd", [odd for odd in ODD_PICTURES if odd.frame is not None], ids=lambda odd: odd.name)
def test_the_frame_that_stands_longest_is_measured(odd: OddPicture) -> None:
    seen = decode(odd.make())
    assert difference(seen.pixels, PICTURE) < 10
    assert seen.info.incomplete == odd.incomplete


@pytest.mark.long
def test_a_frame_behind_those_that_are_looked_through_is_measured_where_it_stands_longer() -> None:
    many = animated("GIF", 300)
    assert difference(decode(many).pixels, PICTURE) < 10
    assert difference(decode(many, Limits(max_frames=2)).pixels, PICTURE) < 10


def test_no_more_frames_are_decoded_than_pixels_and_time_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    many = animated("GIF", 40)
    monkeypatch.setattr(picture_file, "_LOOKED_THROUGH", 10 * 240 * 160)  # ten frames: each is built upon earlier ones
    few = picture_file.decode(many, Limits())
    assert difference(few.pixels, np.asarray(card())) < 60
    assert difference(few.pixels, PICTURE) > 30


def test_which_frame_counts_doesnt_hang_on_the_limits_of_who_looks() -> None:
    few = Limits(max_pixels=5 * 240 * 160)
    assert difference(decode(animated("GIF", 40), few).pixels, PICTURE) < 10


def test_frames_that_are_alike_in_the_mean_of_large_fields_alone_dont_count_together() -> None:
    shown, _other = alike_in_fields()
    assert difference(decode(with_another_alike()).pixels, np.asarray(shown)) < 1


@pytest.mark.long
def test_the_last_frame_of_an_animation_that_ends_stays() -> None:
    frames = {"save_all": True, "append_images": [picture()], "duration": [1000, 40]}
    for kind in ("GIF", "PNG", "WEBP"):
        once, for_ever = ({**frames, "loop": loop} for loop in (1, 0))
        assert difference(decode(saved(card(), kind, **once)).pixels, PICTURE) < 10
        assert difference(decode(saved(card(), kind, **for_ever)).pixels, PICTURE) > 30
    assert difference(decode(saved(card(), "GIF", **frames)).pixels, PICTURE) < 10, "without a word it is played once"


def test_frames_of_one_colour_dont_count_however_long_they_stand() -> None:
    white = Image.new("RGB", picture().size, "white")
    stands = saved(white, "GIF", save_all=True, append_images=[card(), picture()], duration=[60_000, 20, 200], loop=0)
    assert difference(decode(stands).pixels, PICTURE) < 10
    between = {"append_images": [white, picture()], "duration": [20, 60_000, 200], "loop": 0}
    assert difference(decode(saved(card(), "GIF", save_all=True, **between)).pixels, PICTURE) < 10


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_how_long_frames_stand_is_read_without_decoding(kind: str) -> None:
    data = animated(kind, 2, lossless=True) if kind == "WEBP" else animated(kind, 2)
    assert animation_of(data, kind).seconds == pytest.approx((0.02, 0.02, 60))
    assert animation_of(saved(picture(), kind), kind).seconds in {(), (0.1,)}
    for end in range(0, len(data), 997):
        animation_of(data[:end], kind)  # breaks off anywhere


def test_ten_milliseconds_and_less_are_a_tenth_of_a_second_and_an_end_lasts() -> None:
    made = saved(card(), "GIF", save_all=True, append_images=[picture(), card(3)], duration=[10, 0, 500], loop=2)
    assert animation_of(made, "GIF").seconds == pytest.approx((0.1, 0.1, 0.5 + AFTER_END))


def test_a_still_picture_that_isnt_part_of_the_animation_is_told() -> None:
    told = animation_of(hidden_default(2), "PNG")
    assert told.hidden
    assert told.seconds == pytest.approx((0.02, 0.02, 60, 0.02))
    assert not animation_of(animated("PNG", 2), "PNG").hidden
