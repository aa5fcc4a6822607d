"""A page's source as a browser reads it, without the layout of the template."""

import re

BLOCKS = (
    "article|aside|button|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|label|legend|li"
    "|main|nav|ol|option|p|section|select|summary|table|tbody|td|th|thead|tr|ul"
)


def collapse_whitespace(page: str) -> str:
    """Collapse whitespace to single spaces, with none at the edges of blocks and tags."""
    page = re.sub(r"\s+", " ", page).replace(" >", ">")
    return re.sub(rf" ?(</?(?:{BLOCKS})\b[^>]*>) ?", r"\1", page)
