"""Sites, payment demands, invoices and fees."""
