"""What partners ask of each other: signed requests both ways, cosigned heads of logs, and heads that are compared."""
