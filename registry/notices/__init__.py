"""Notices: addressees, wordings, enclosures, signing, sending and replies."""
