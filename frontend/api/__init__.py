"""Requests to the gateway. Nothing here imports Streamlit."""
