"""Steps of matching: registering, searching, comparing, describing anew."""
