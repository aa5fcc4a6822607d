"""Picture contents: rows, blocked and withheld files, small pictures, and what files state of themselves."""
