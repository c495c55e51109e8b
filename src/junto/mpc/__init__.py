"""The secure engine: jax functions on data that no party shows another."""
