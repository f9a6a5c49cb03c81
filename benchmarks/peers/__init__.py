"""The peers: one model server per file, set up as its documentation says, all running `benchmarks.peers.work`."""
