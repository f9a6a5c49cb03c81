"""Guichet's own API document. The rest of `gateway` works with any document and does not import this package."""
