"""Readers and writers of the formats in a bundle: canonical JSON, file names, ZIP containers, WARC and WACZ."""
