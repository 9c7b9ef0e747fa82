"""What a short text claims, and whether two claims are the same."""
