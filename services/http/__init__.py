"""The HTTP side of both services: uvicorn with limits, the ASGI application around Flask, problems, request log."""
