"""The plain facts of a case as sealed: frozen types that documents and checks read."""
