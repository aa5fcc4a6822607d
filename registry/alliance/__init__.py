"""Other installations: partners, their requests and ours, and cosigned heads of logs."""
