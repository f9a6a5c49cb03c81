"""The whole system under more load than it can answer, while its parts are killed."""
