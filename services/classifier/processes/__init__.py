"""Where pictures are answered: in expendable processes, forked around one loaded network."""
