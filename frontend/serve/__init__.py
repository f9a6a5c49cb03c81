"""The page's web server: Starlette middleware around the Streamlit application."""
