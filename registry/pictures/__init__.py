"""Picture contents: rows, blocked and withheld files, previews, and metadata in files."""
