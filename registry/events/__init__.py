"""Events of owners, and whom they are for: webhooks, members by mail or in browsers, feeds."""
