"""The command line: `python -m deploy COMMAND`.

Every command imports what it needs when it runs, so that `local` works without Google's libraries.
"""

from __future__ import annotations

import typer

from deploy.local.command import local

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main() -> None:
    """Bring the catalog's models, their gateway and the page to one machine or to Google Cloud."""


app.command("local")(local)

if __name__ == "__main__":
    app(prog_name="python -m deploy")
