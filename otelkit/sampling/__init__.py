"""Samplers, one a file. A sampled span carries its threshold, so that counts derived from it stay true."""
