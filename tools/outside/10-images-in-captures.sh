# Images in captures
#
# Needs: `python3:warcio`, `data/sightings/**/*.warc`
#
# The captured image is what a recorded exchange served; compare the printed address with the one in
# `data/facts.json`.

python3 -I - <<'EOF'
import hashlib, json
from warcio.archiveiterator import ArchiveIterator

for sighting in json.load(open("data/facts.json", encoding="utf-8"))["sightings"]:
    for capture in sighting["captures"]:
        warcs = [path for path in capture["files"] if path.endswith("/exchange.warc")]
        if capture["image"] is None or sighting["image_url"][:5].lower() == "data:" or not warcs:
            continue
        served = {}
        with open(warcs[0], "rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type == "response":
                    digest = hashlib.sha256(record.content_stream().read()).hexdigest()
                    served[digest] = record.rec_headers.get_header("WARC-Target-URI")
        assert capture["image"] in served, f"{warcs[0]} served no such image"
        print(f"{served[capture['image']]} served the image of {sighting['image_url']}")
EOF
