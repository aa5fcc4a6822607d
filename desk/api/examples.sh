# Examples of the HTTP API, for docs/reference/api-examples.md. The tests run them.

## Works

curl -sf -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: harbour-1" \
  -F file=@harbour.jpg -F title="Harbour at dawn" -F author="A. Example" $EXHIBIT/owners/$OWNER/works

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X PATCH \
  -d '{"author": "Ann Example", "registrations": [{"office": "US Copyright Office", "number": "VA 2-345-678"}], "reason": "In full"}' \
  $EXHIBIT/owners/$OWNER/works/1
curl -sf -H "Authorization: Bearer $TOKEN" -F file=@found.jpg $EXHIBIT/owners/$OWNER/identify

# Many works are an upload: start it, optionally with a table (CSV or XLSX), send files in portions of at most 128
# MiB, and close it. A file that is sent twice is registered once. Tables accept `encoding` and `skip_rows=true`.
# Unknown headings are rejected until a column mapping (`column-mappings`) defines them.

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"kind": "works", "columns": [{"heading": "Bildname", "column": "file"}, {"heading": "Lager", "column": ""}]}' \
  $EXHIBIT/owners/$OWNER/column-mappings
curl -sf -H "Authorization: Bearer $TOKEN" -F expected=1 -F table=@works.csv $EXHIBIT/owners/$OWNER/uploads
curl -sf -H "Authorization: Bearer $TOKEN" -F files=@bridge.jpg $EXHIBIT/owners/$OWNER/uploads/1/files
curl -sf -H "Authorization: Bearer $TOKEN" -X POST $EXHIBIT/owners/$OWNER/uploads/1/close

## Watches and licences
#
# In a `PATCH` request, `sources` replaces all sources. `DELETE` permanently removes a watch, but keeps its results. A
# licence is applied to cases in the background: covered cases become `licensed`. A preview changes nothing. If `next`
# in its response is a number, send it as `after` and add up the counts.

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"name": "shop", "sources": [{"kind": "site", "url": "https://example.org/"}], "interval_seconds": 86400}' \
  $EXHIBIT/owners/$OWNER/watches
curl -sf -H "Authorization: Bearer $TOKEN" -X POST $EXHIBIT/owners/$OWNER/watches/1/run
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X PUT \
  -d @- $EXHIBIT/owners/$OWNER/searches/tineye/key <<< '{"key": "a-key-of-yours"}'
curl -sf -H "Authorization: Bearer $TOKEN" -X PUT $EXHIBIT/owners/$OWNER/searches/tineye/consent
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"name": "copies", "search": "tineye", "searches": 20, "interval_seconds": 604800}' $EXHIBIT/owners/$OWNER/watches
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"licences": [{"licensee": "Example Shop Ltd", "domain": "shop.example", "valid_until": "2027-12-31"}]}' \
  $EXHIBIT/owners/$OWNER/licences/preview
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"licensee": "Example Shop Ltd", "domain": "shop.example", "valid_until": "2027-12-31"}' \
  $EXHIBIT/owners/$OWNER/licences

## Cases and evidence
#
# Decisions are `confirmed` (*Not licensed* in the web interface), `licensed` and `dismissed` (*Dismissed*).
# `…/cases/1/undo` reverts a decision of the same caller; nothing is sealed in the first few seconds.
# `…/cases/decisions` decides many cases; `outcomes` contains the result for each case. A bundle can be downloaded as
# soon as its `seal` is present. `packages` puts several bundles into one ZIP, for the court or for the other side
# (without originals). `pdfs` lists the PDFs of numbered exhibits, `missing_pdf_languages` the languages without a PDF.

curl -sf -H "Authorization: Bearer $TOKEN" "$EXHIBIT/owners/$OWNER/cases?decision=open&limit=20"
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"decision": "confirmed", "reason": "No permission was given."}' $EXHIBIT/owners/$OWNER/cases/1/decisions

curl -sf -H "Authorization: Bearer $TOKEN" -o bundle.zip $EXHIBIT/owners/$OWNER/cases/1/bundles/1/file
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"cases": [1], "recipient": "other-side", "reason": "The originals stay with us."}' $EXHIBIT/owners/$OWNER/packages

## Notices and reports
#
# `missing` lists what a draft lacks, `claim_checks` contains the claim check of each case. The `url` of a download
# link is returned only once, and so is the `link` of an invitation if the installation has no mail server.

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"kind": "dsa", "cases": [1]}' $EXHIBIT/owners/$OWNER/notices
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X PATCH \
  -d '{"addressee_name": "Trust and Safety", "sender_name": "Ann Example", "sender_capacity": "owner"}' \
  $EXHIBIT/owners/$OWNER/notices/1

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"state": "removed"}' $EXHIBIT/owners/$OWNER/notices/1/events
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"title": "November", "decisions": ["confirmed"], "start_date": "2026-11-01", "end_date": "2026-11-30", "formats": ["pdf", "csv"]}' \
  $EXHIBIT/owners/$OWNER/reports

curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"valid_days": 7, "note": "For the court clerk"}' $EXHIBIT/owners/$OWNER/reports/1/links
curl -sf -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{"url": "https://example.org/hooks/exhibit", "events": ["case.opened", "bundle.timestamped"]}' $EXHIBIT/owners/$OWNER/webhooks
curl -sf -H "Authorization: Bearer $TOKEN" $EXHIBIT/log/entries/0/proof
