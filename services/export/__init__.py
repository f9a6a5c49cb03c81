"""Turn a catalog entry into an artifact. The only package that uses torch."""
