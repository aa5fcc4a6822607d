"""Sentences that are sealed or shown with the facts: what was measured, and what wasn't checked."""

from exhibit.types import Verification

NOT_COMPARED = 256

NOT_CHECKED = {
    "en": (
        "Who runs the site, and who put the picture there, was not checked.",
        "Whether the law permits the use (exceptions, limitations, fair use) was not checked.",
        "The declarations about the work and its rights were not checked.",
        "The page was fetched without running its scripts; what a browser shows was not recorded.",
        "Other places where the picture may be shown were not searched beyond the crawls named here.",
    ),
    "zh-Hans": (
        "未核查该网站由谁运营、图片由谁上传。",
        "未核查该使用是否为法律所允许(例外、限制、合理使用)。",
        "未核查有关作品及其权利的声明。",
        "获取页面时未运行其脚本；未记录浏览器所显示的内容。",
        "除此处所列抓取外，未搜索该图片可能出现的其他位置。",
    ),
}


def not_checked(language: str) -> tuple[str, ...]:
    """What no document may be silent about."""
    return NOT_CHECKED[language]


def words_of(one: Verification) -> tuple[str, ...]:
    """The figures of a comparison in English sentences."""
    words = []
    if one.transform is None:
        words.append("The pictures could not be laid onto each other.")
    else:
        shown = f"The found picture shows {one.overlap_work:.0%} of the registered picture's area"
        words.append(f"{shown}, which fills {one.overlap_picture:.0%} of the found picture.")
        words.append(
            f"Where both have texture, {one.dense:.0%} of the blocks agree; {one.inliers} distinct points agree."
        )
    if one.mirrored:
        words.append("It is mirrored.")
    if one.rotation:
        words.append(
            f"It is turned by {abs(one.rotation)}° {'counter-clockwise' if one.rotation > 0 else 'clockwise'}."
        )
    if one.hamming < NOT_COMPARED:
        words.append(f"The 256-bit perceptual hashes differ in {one.hamming} bits.")
    words.append("The probability has not been calibrated." if one.probability is None else f"{one.probability:.4f}")
    return tuple(words)
