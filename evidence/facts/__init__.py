"""The plain facts of a case, as they are sealed: frozen types that documents and checks read."""
