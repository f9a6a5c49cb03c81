"""Benchmarks: one program for each table and plot in README and docs, and the `harness` that they share."""
