"""What something will cost, what it has cost, and how far it is: one type for each, and one way to print it.

Whoever counts stands elsewhere: a meter in a node's run (`mpc.meter`), a run that computes nothing
(`device.spu.explain`), the calls of a profile (`device.spu.profile`), a join in small (`join.join_cost`).
"""
