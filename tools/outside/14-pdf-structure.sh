# PDF structure
#
# Needs: `qpdf`, `data/*.pdf`
#
# A signed copy of the sheet starts with the sealed one: `cmp -n "$(stat -c %s data/exhibit.pdf)" signed.pdf
# data/exhibit.pdf` prints nothing. What follows may change what a signed copy displays, so read the sealed one. Only
# `exhibit verify` shows whether the sheet follows from the facts.

for document in data/*.pdf; do qpdf --check "$document"; done
