"""Notices: to whom, in which words, with what enclosed, signed, sent and answered."""
