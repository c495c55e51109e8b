"""The parts of `junto.mpc.link`."""
