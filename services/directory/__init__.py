"""The service that lists the models and shows the API's document."""
