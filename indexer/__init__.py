"""Pictures become vectors, vectors become candidates, candidates become matches."""
