"""Reading and writing the formats under a bundle: canonical JSON, file names, ZIP containers, WARC and WACZ."""
