# BagIt
#
# Needs: `bagit.py`
#
# The Library of Congress's program checks the bag.

bagit.py --quiet --validate .
