# WARC files
#
# Needs: `warcio`, `data/sightings/**/*.warc`

find data/sightings -name '*.warc' -print -exec warcio check {} +
