"""Works, licences and ownership: registration, declarations, changes and look-ups."""
