"""Models that people have, on an SPU beside jax: error, rounds, bytes, seconds."""
