"""Files that are whole or not there, exact bytes by their digest, and folders for this user alone."""
