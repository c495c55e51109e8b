"""Between silos: handshake, streams, carriers, gateway. With the doctor the only importer of grpc."""
