"""What panvox costs. Each module answers one question."""
