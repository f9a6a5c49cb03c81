"""The export: a catalog entry becomes an artifact. All of torch is here, and none of it elsewhere."""
