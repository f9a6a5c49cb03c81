"""The processes that decode images and run the network: sandboxed, replaceable, forked from one that has loaded it."""
