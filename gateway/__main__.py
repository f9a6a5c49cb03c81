"""`python -m gateway {serve,check,render}`."""

from gateway.cli import app
from gateway.product.command import render

app.command()(render)

if __name__ == "__main__":
    app()
