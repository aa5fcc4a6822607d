"""The embedded servers and the processes of the product: started, found, watched, stopped."""
