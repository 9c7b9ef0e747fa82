"""panvox asks every model at once and gives one answer you can trust."""
