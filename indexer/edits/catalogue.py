"""All edits by name, and their groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from indexer.edits import chains, copies, framing, laid_over, placed, screens, tones
from indexer.edits.saving import Saving, exif_turned, gif, jpeg, webp
from indexer.edits.scene import Change

USUAL = jpeg(85)


@dataclass(frozen=True, slots=True)
class Edit:
    """One way in which a picture is changed when it is copied."""

    name: str  # identity, such as `crop05`
    change: Change
    saving: Saving = USUAL


_DESIGN = (
    Edit("jpeg70", framing.unchanged, jpeg(70)),
    Edit("jpeg30", framing.unchanged, jpeg(30)),
    Edit("jpeg10", framing.unchanged, jpeg(10)),
    Edit("webp", framing.unchanged, webp(40)),
    Edit("resize50", framing.resized(0.5)),
    Edit("resize25", framing.resized(0.25)),
    Edit("crop95", framing.cropped(0.95)),
    Edit("crop85", framing.cropped(0.85)),
    Edit("crop70", framing.cropped(0.70)),
    Edit("crop50", framing.cropped(0.50)),
    Edit("crop30", framing.cropped(0.30)),
    Edit("crop15", framing.cropped(0.15)),
    Edit("crop05", framing.cropped(0.05)),
    Edit("pad20", framing.padded),
    Edit("mirror", framing.mirrored),
    Edit("rot5", framing.turned(5)),
    Edit("rot90", framing.transposed(Image.Transpose.ROTATE_90)),
    Edit("rot180", framing.transposed(Image.Transpose.ROTATE_180)),
    Edit("text", laid_over.captioned),
    Edit("emoji", laid_over.with_stickers),
    Edit("bg40", placed.on_background(0.4)),
    Edit("collage4", placed.collage(2, 2, (400, 300), 10)),
    Edit("webpage", screens.web_page),
    Edit("jitter", tones.jittered),
    Edit("gray", tones.grey),
    Edit("blur", tones.blurred(2.0)),
    Edit("sharpen", tones.sharpened),
    Edit("border", framing.bordered),
    Edit("persp", framing.perspective(0.18)),
    Edit("watermark", laid_over.watermarked),
    Edit("meme", laid_over.meme),
    Edit("chain0", chains.captioned_crop),
    Edit("chain1", chains.mirrored_meme),
    Edit("chain2", chains.any_four),
)

_FURTHER = (
    Edit("phone", screens.phone),
    Edit("story", screens.story),
    Edit("chat", screens.chat),
    Edit("square", framing.square),
    Edit("banner", framing.banner),
    Edit("advert", laid_over.advertised),
    Edit("avatar", framing.avatar),
    Edit("rounded", framing.rounded),
    Edit("thumb120", framing.thumbnail),
    Edit("stretch", framing.stretched),
    Edit("straighten", framing.straightened),
    Edit("barrel", framing.barrel),
    Edit("halves", framing.halves_swapped),
    Edit("exif", framing.unchanged, exif_turned()),
    Edit("gif64", framing.unchanged, gif(64)),
    Edit("resaved", copies.saved_often, jpeg(60)),
    Edit("screen", copies.photo_of_screen),
    Edit("print", copies.printed),
    Edit("newsprint", copies.newsprint),
    Edit("crease", copies.creased),
    Edit("duotone", tones.duotone),
    Edit("vintage", tones.vintage),
    Edit("filter", tones.filtered),
    Edit("invert", tones.inverted),
    Edit("posterise", tones.posterised),
    Edit("hdr", tones.local_contrast),
    Edit("night", tones.night),
    Edit("motion", tones.motion_blurred),
    Edit("upscale", tones.upscaled),
    Edit("bokeh", tones.bokeh),
    Edit("sticker", laid_over.big_sticker),
    Edit("news", laid_over.lower_third),
    Edit("film", laid_over.subtitled),
    Edit("mosaic", laid_over.mosaicked),
    Edit("inset", placed.inset),
    Edit("facecam", placed.with_inset),
    Edit("wall", placed.on_wall),
    Edit("cutout", placed.cut_out),
    Edit("beside", placed.beside),
    Edit("panels3", placed.panels),
    Edit("collage9", placed.collage(3, 3, (300, 300), 6)),
    Edit("repost", chains.repost),
)

EDITS: Mapping[str, Edit] = MappingProxyType({edit.name: edit for edit in (*_DESIGN, *_FURTHER)})
"""Every edit by its name."""
DESIGN: tuple[str, ...] = tuple(edit.name for edit in _DESIGN)
"""The 34 edits that the pipeline was designed on."""
FURTHER: tuple[str, ...] = tuple(edit.name for edit in _FURTHER)
"""Edits of applications, screens, printers and people that the pipeline wasn't designed on."""
OVERLAYS = ("text", "emoji", "watermark", "meme", "border", "sticker", "news", "advert", "film", "story")
"""Edits that, with one seed, lay the same words and marks over two different pictures."""
PAGES = ("webpage", "phone", "chat", "wall", "collage4", "panels3")
"""Edits that, with one seed, put two different pictures into the same page, frame or sheet."""
