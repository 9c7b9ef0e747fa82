"""Money: set aside before a prompt goes out, given back where it was not needed."""
