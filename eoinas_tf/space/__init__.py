"""What can be built: operations, cell topology, genotypes. No training code, and no imports from the other folders."""
