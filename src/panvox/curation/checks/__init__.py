"""Whether a text is an answer at all, and how good it looks."""
