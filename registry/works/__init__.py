"""Works, licences, ownership: how they are registered, declared, changed and looked up."""
