"""AIR: Attend, Infer, Repeat in Pyro."""
