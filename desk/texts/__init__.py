"""What is said in the reader's language. Text only: no page, no form, nothing that decides."""
