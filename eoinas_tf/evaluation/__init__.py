"""Final networks: built from one genotype, trained, tested, described."""
