"""Line-by-line readers for bulk URL lists: Parquet, CSV, WAT and CDX. Listed URLs are not fetched here."""
