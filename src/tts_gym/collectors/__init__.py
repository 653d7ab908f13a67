"""Filling a replay store from a language model."""
