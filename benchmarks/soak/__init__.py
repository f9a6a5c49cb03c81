"""The whole system under overload, while its processes are killed."""
