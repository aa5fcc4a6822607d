"""Notices: drafted, signed, mailed, and due again."""
