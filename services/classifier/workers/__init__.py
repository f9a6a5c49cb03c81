"""The processes that decode images and run the network: sandboxed, expendable, forked around one loaded network."""
