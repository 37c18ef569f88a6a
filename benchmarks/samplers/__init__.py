"""Samplers side by side on the same traffic: the traffic, small forms of other people's samplers, and what became of it."""
