"""`python -m gateway`: the commands of `cli.py`, and `render` where the product's document is."""

from importlib.util import find_spec

from gateway.commands.cli import app

# The distribution `guichet-gateway` leaves this package out.
if find_spec("gateway.product"):
    from gateway.product.command import render

    app.command()(render)

if __name__ == "__main__":
    app()
