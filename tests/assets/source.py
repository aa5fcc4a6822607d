"""A page's source as a browser reads it, without what only its layout in the template says."""

import re

BLOCKS = (
    "article|aside|button|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|label|legend|li"
    "|main|nav|ol|option|p|section|select|summary|table|tbody|td|th|thead|tr|ul"
)


def flat(page: str) -> str:
    """One space where a browser shows one, and none at the edges of blocks and of tags."""
    page = re.sub(r"\s+", " ", page).replace(" >", ">")
    return re.sub(rf" ?(</?(?:{BLOCKS})\b[^>]*>) ?", r"\1", page)
