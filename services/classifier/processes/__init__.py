"""Where pictures are answered: in processes of little account, forked around one loaded network."""
