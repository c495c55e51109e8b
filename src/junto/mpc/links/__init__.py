"""The parts of `junto.mpc.node_links`."""
