"""``python -m evidence.page`` writes ``evidence/standalone/verify.html`` anew."""

from evidence.page import WRITTEN, page

WRITTEN.write_bytes(page())
print(WRITTEN)
