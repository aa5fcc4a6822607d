"""Search for the works that a picture shows: candidates, their order, and matching of whole folders."""
