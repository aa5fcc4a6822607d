"""All edits by name, their groups and file formats, and chains of edits as in reposts."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from indexer.edits import copies, framing, overlays, placement, screens, tones
from indexer.edits.scene import Change, Scene

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class Saving:
    """A file format with its settings."""

    suffix: str  # suffix of the file name, with the dot
    encode: Callable[[Image.Image], bytes]  # function that encodes the picture


def create_jpeg_saving(quality: int) -> Saving:
    """Create the saving as JPEG with Pillow's defaults."""
    return Saving(".jpg", lambda picture: _encode(picture, "JPEG", quality=quality))


def create_webp_saving(quality: int) -> Saving:
    """Create the saving as lossy WebP."""
    return Saving(".webp", lambda picture: _encode(picture, "WEBP", quality=quality))


def create_gif_saving(colours: int) -> Saving:
    """Create the saving as dithered GIF with its own palette."""
    return Saving(".gif", lambda picture: _encode(_create_palette(picture, colours), "GIF"))


def _create_palette(picture: Image.Image, colours: int) -> Image.Image:
    palette = picture.quantize(colours, Image.Quantize.MEDIANCUT)
    return picture.quantize(colours, palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def rotate_by_exif() -> Saving:
    """Create the saving as JPEG with rotated pixels and the matching EXIF orientation."""

    def encode(picture: Image.Image) -> bytes:
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = 6
        return _encode(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=85, exif=exif)

    return Saving(".jpg", encode)


def _encode(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def _chain_changes(*changes: Change, quality: int) -> Change:
    """Chain changes, followed by JPEG compression."""

    def change(scene: Scene) -> Image.Image:
        for step in changes:
            scene = scene.with_picture(step(scene))
        return copies.recompress(scene.picture, quality)

    return change


captioned_crop = _chain_changes(
    framing.crop(0.6), tones.jitter_colours, overlays.add_captions, framing.resize(0.6), quality=40
)
mirrored_meme = _chain_changes(
    framing.mirror, framing.crop(0.7), overlays.add_meme_text, overlays.add_stickers, quality=50
)
repost = _chain_changes(framing.mirror, framing.crop(0.85), tones.apply_filter, overlays.add_captions, quality=55)
"""Mirrored, zoomed in a little, filtered and captioned, as by accounts that evade simple checks."""


def apply_four_edits(scene: Scene) -> Image.Image:
    """Apply four random edits out of eleven, then recompress."""
    chance = scene.random_source
    pool: list[Change] = [
        framing.crop(chance.uniform(0.35, 0.8)),
        framing.mirror,
        framing.rotate(chance.uniform(-25, 25)),
        tones.jitter_colours,
        overlays.add_stickers,
        framing.change_perspective(0.12),
        tones.add_noise(12),
        placement.place_on_background(0.55),
        tones.blur(1.2),
        tones.to_grey,
        overlays.add_watermark,
    ]
    changes = chance.sample(pool, 4)
    return _chain_changes(*changes, quality=chance.randint(25, 60))(scene)


DEFAULT_SAVING = create_jpeg_saving(85)


@dataclass(frozen=True, slots=True)
class Edit:
    """Change to a picture as copyists make it, with the file format of the result."""

    name: str  # identity, such as `crop05`
    change: Change
    saving: Saving = DEFAULT_SAVING


_DESIGN = (
    Edit("jpeg70", framing.keep_unchanged, create_jpeg_saving(70)),
    Edit("jpeg30", framing.keep_unchanged, create_jpeg_saving(30)),
    Edit("jpeg10", framing.keep_unchanged, create_jpeg_saving(10)),
    Edit("webp", framing.keep_unchanged, create_webp_saving(40)),
    Edit("resize50", framing.resize(0.5)),
    Edit("resize25", framing.resize(0.25)),
    Edit("crop95", framing.crop(0.95)),
    Edit("crop85", framing.crop(0.85)),
    Edit("crop70", framing.crop(0.70)),
    Edit("crop50", framing.crop(0.50)),
    Edit("crop30", framing.crop(0.30)),
    Edit("crop15", framing.crop(0.15)),
    Edit("crop05", framing.crop(0.05)),
    Edit("pad20", framing.pad),
    Edit("mirror", framing.mirror),
    Edit("rot5", framing.rotate(5)),
    Edit("rot90", framing.transpose(Image.Transpose.ROTATE_90)),
    Edit("rot180", framing.transpose(Image.Transpose.ROTATE_180)),
    Edit("text", overlays.add_captions),
    Edit("emoji", overlays.add_stickers),
    Edit("bg40", placement.place_on_background(0.4)),
    Edit("collage4", placement.create_collage(2, 2, (400, 300), 10)),
    Edit("webpage", screens.draw_web_page),
    Edit("jitter", tones.jitter_colours),
    Edit("gray", tones.to_grey),
    Edit("blur", tones.blur(2.0)),
    Edit("sharpen", tones.sharpen),
    Edit("border", framing.add_border),
    Edit("persp", framing.change_perspective(0.18)),
    Edit("watermark", overlays.add_watermark),
    Edit("meme", overlays.add_meme_text),
    Edit("chain0", captioned_crop),
    Edit("chain1", mirrored_meme),
    Edit("chain2", apply_four_edits),
)

_FURTHER = (
    Edit("phone", screens.draw_phone_post),
    Edit("story", screens.draw_story),
    Edit("chat", screens.draw_chat),
    Edit("square", framing.crop_square),
    Edit("banner", framing.crop_banner),
    Edit("advert", overlays.create_advert),
    Edit("avatar", framing.crop_avatar),
    Edit("rounded", framing.round_corners),
    Edit("thumb120", framing.create_thumbnail),
    Edit("stretch", framing.stretch_side),
    Edit("straighten", framing.straighten),
    Edit("barrel", framing.distort_barrel),
    Edit("halves", framing.swap_halves),
    Edit("exif", framing.keep_unchanged, rotate_by_exif()),
    Edit("gif64", framing.keep_unchanged, create_gif_saving(64)),
    Edit("resaved", copies.save_repeatedly, create_jpeg_saving(60)),
    Edit("screen", copies.photograph_screen),
    Edit("print", copies.print_picture),
    Edit("newsprint", copies.print_newspaper),
    Edit("crease", copies.add_creases),
    Edit("duotone", tones.apply_duotone),
    Edit("vintage", tones.apply_vintage_look),
    Edit("filter", tones.apply_filter),
    Edit("invert", tones.invert),
    Edit("posterise", tones.posterise),
    Edit("hdr", tones.enhance_local_contrast),
    Edit("night", tones.simulate_night),
    Edit("motion", tones.blur_motion),
    Edit("upscale", tones.upscale),
    Edit("bokeh", tones.blur_surroundings),
    Edit("sticker", overlays.add_big_sticker),
    Edit("news", overlays.add_lower_third),
    Edit("film", overlays.add_subtitles),
    Edit("mosaic", overlays.add_mosaic),
    Edit("inset", placement.place_as_inset),
    Edit("facecam", placement.add_inset),
    Edit("wall", placement.place_on_wall),
    Edit("cutout", placement.cut_out_outline),
    Edit("beside", placement.place_beside),
    Edit("panels3", placement.create_panels),
    Edit("collage9", placement.create_collage(3, 3, (300, 300), 6)),
    Edit("repost", repost),
)

EDITS: Mapping[str, Edit] = MappingProxyType({edit.name: edit for edit in (*_DESIGN, *_FURTHER)})
"""Every edit by its name."""
DESIGN: tuple[str, ...] = tuple(edit.name for edit in _DESIGN)
"""The 34 edits that the pipeline was designed on."""
FURTHER: tuple[str, ...] = tuple(edit.name for edit in _FURTHER)
"""Edits by applications, screens, printers and people on which the pipeline was not designed."""
OVERLAYS = ("text", "emoji", "watermark", "meme", "border", "sticker", "news", "advert", "film", "story")
"""Edits that, with one seed, lay the same words and marks over two different pictures."""
PAGES = ("webpage", "phone", "chat", "wall", "collage4", "panels3")
"""Edits that, with one seed, put two different pictures into the same page, frame or sheet."""
