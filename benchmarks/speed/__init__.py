"""The parts of `python -m benchmarks`: Guichet beside its peers."""
