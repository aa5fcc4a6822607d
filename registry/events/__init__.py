"""Events of owners and their recipients: webhooks, members (by mail or in browsers) and feeds."""
