"""A job goes in, sightings and exact bytes come out."""
