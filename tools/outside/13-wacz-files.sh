# WACZ files
#
# Needs: `wacz`, `data/sightings/**/*.wacz`

find data/sightings -name '*.wacz' -print > "$WORK/archives.txt"
while read -r archive; do wacz validate --file "$archive"; done < "$WORK/archives.txt"
