"""The crawler's child process, looks at sites, and image searches."""
