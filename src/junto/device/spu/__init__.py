"""SPU: a device of several parties that computes on what none of them sees."""

from junto.extras import need

need("jax", "an SPU")
