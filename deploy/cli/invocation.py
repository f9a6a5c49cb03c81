"""What all commands do: open the session, ask, carry out plans, and print errors as sentences."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.errors import DeployError, Interrupted
from deploy.report.console import error_console, output_console, plan_progress, show_plan
from services.catalog import CatalogError

if TYPE_CHECKING:
    from deploy.apply.apply_plan import Outcome
    from deploy.plan.steps import Plan
    from deploy.recorded_state import RecordedState
    from deploy.session import Session

Models = Annotated[
    str, typer.Option(help="Names of models, separated by spaces or commas. Or set MODELS. Default: all models.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", envvar="YES", help="Do not ask for confirmation.")]


def open_session(
    context: typer.Context, models: str = "", *, offline: bool = False, default_project: str = ""
) -> Session:
    """The session for the environment and the options; raises NoProjectError without a project and a default."""
    from deploy.session import Session

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, interrupt)
    if offline:
        return Session.offline(os.environ, default_project, **context.obj, MODELS=models)
    notice = partial(error_console().print, markup=False)
    return Session.open(os.environ, notice, default_project, **context.obj, MODELS=models)


def title(session: Session) -> str:
    """The project and the region, above a plan."""
    return f"{session.settings.project} in {session.settings.region}"


def tell(text: str) -> None:
    """Prints a line."""
    output_console().print(text, markup=False)


def carry_out(session: Session, steps: Plan) -> Outcome:
    """Carries out a plan, with a display of its progress."""
    session.deliverables.start(session.settings)
    with plan_progress(output_console(), steps) as progress:
        return session.applier(progress).run(steps)


def confirmed(yes: bool, question: str) -> bool:
    """Whether to continue; without a terminal, nobody is asked."""
    if yes or not sys.stdin.isatty() or typer.confirm(question):
        return True
    print("Nothing was changed.")
    return False


@contextmanager
def errors_as_sentences(*, changes: bool = False) -> Iterator[None]:
    """Prints expected errors as sentences; exits with 1, or 130 after Ctrl-C. `changes`: the command changes things."""
    try:
        yield
    except KeyboardInterrupt:
        outcome = "finished steps are recorded; run again to continue" if changes else "nothing was changed"
        error_console().print(f"Interrupted: {outcome}.")
        raise typer.Exit(130) from None
    except (DeployError, CatalogError) as err:
        error_console().print(str(err), style="red", markup=False)
        raise typer.Exit(130 if isinstance(err, Interrupted) else 1) from err
    except BrokenPipeError:
        raise  # the reader of the output has closed it
    except OSError as err:
        sentence = f"{err.filename or 'A file'} cannot be read or written ({err.strerror}): fix this, then run again."
        error_console().print(sentence, style="red", markup=False)
        raise typer.Exit(1) from err


@contextmanager
def changing(context: typer.Context, command: str, models: str = "") -> Iterator[tuple[Session, RecordedState]]:
    """The session of a command that changes things, and the record, which no other run changes meanwhile."""
    with errors_as_sentences(changes=True):
        session = open_session(context, models)
        with session.deliverables.held(f"deploy {command}"):
            yield session, session.recorded_state()


def show_and_run(session: Session, steps: Plan, yes: bool) -> None:
    """Shows a plan, and carries it out if it is confirmed."""
    show_plan(output_console(), steps, title(session), commands=False)
    if steps and confirmed(yes, "Continue?"):
        carry_out(session, steps).raise_failures()
