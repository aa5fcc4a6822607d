"""The networks that describe pictures: which serves, and how others are brought in, measured and exchanged."""
