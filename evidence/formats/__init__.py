"""Reading and writing a bundle's underlying formats: canonical JSON, file names, ZIP containers, WARC and WACZ."""
