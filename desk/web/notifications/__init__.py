"""How members are told: mail, webhooks, feeds."""
