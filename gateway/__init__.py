"""The API's document, and any such document on a real Envoy."""
