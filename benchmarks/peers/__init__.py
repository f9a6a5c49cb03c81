"""The peers: one server a file, set up as its own documentation says, all doing the work in `benchmarks.peers.work`."""
