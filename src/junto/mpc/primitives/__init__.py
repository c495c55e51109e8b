"""The primitives of jax on secrets, one family a file; `table` names each one's rule."""
