"""Stores from what people already have: readers of other tools' files, and what makes a store of what they read."""
