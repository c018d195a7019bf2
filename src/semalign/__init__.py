"""Cross-scale knowledge transfer between large language models by latent semantic alignment."""

__version__ = "0.1.0"
