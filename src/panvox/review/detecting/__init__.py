"""What looks like a secret in one text, as spans: formats, assignments, private keys, files. Pure."""
