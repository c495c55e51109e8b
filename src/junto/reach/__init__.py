"""Before a connection: names, TLS, and why a party cannot be reached."""
