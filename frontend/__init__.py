"""The page: Streamlit, and what it asks of the gateway."""
