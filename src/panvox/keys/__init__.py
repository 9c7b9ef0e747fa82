"""The keys of a provider: which of them is used, and which is left alone for how long."""
