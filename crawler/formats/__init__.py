"""Input and output formats: the job and the JSON lines, with strict parsing."""
