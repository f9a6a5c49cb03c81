"""Keys and JWTs: for backends, and for tests."""
