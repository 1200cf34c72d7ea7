"""What can be built: operations, cell topology, genotypes. No training code, nothing of ours imported."""
