"""SPU: a device of several parties that computes on what none of them sees."""
