"""`python -m frontend.classify`, or `make classify`."""

from frontend.classify.cli import app

if __name__ == "__main__":
    app(prog_name="python -m frontend.classify")
