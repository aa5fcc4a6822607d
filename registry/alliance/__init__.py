"""Other installations that the operator works with: who they are, what they asked, and the heads of their logs."""
