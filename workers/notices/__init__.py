"""Notices: their wording, their contents, whom they go to, and how they are signed and leave."""
