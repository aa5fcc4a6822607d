"""Lists of addresses in bulk, line by line: Parquet, CSV, WAT and CDX. Nothing named in them is fetched here."""
