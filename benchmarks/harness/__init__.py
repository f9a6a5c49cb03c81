"""What the benchmarks share with one another and with the tests: processes, load, images, a browser, tables."""
