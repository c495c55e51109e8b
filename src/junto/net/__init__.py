"""Between silos: identity, probe, handshake, gateway. The only importer of grpc."""
