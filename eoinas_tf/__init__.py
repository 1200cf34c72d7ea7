"""EoiNAS: neural architecture search that exploits operation importance (arXiv 1911.10511)."""

__version__ = "0.1.0"
