"""The best of many texts."""
