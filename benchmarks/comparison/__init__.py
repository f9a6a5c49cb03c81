"""The parts of `python -m benchmarks`: Guichet compared with other model servers."""
