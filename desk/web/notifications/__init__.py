"""How members are told: mail, push, webhooks, feeds."""
