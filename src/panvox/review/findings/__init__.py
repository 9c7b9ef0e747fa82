"""Reviews that list issues: read, grouped by what they mean and where, ranked by how many lineages agree."""
