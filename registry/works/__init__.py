"""Works, licences, and whether a licence covers a use."""
