"""The command line: one command a verb. Answers go to stdout, everything else to stderr."""

import sys

from tui import Exit, exit_code


def main() -> None:
    """Run the program; end with one of `Exit`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code. An error a person can act on is one line on stderr."""
    if arguments == ["--version"]:
        from audit import __version__

        print(f"whysent {__version__}")
        return Exit.OK
    from audit.errors import WhysentError
    from tui import start

    try:
        code = start.opened(arguments)
        return _command(arguments) if code is None else code
    except WhysentError as error:
        complain(str(error))
        return exit_code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OK
    except OSError as error:
        complain(f"{error.filename or 'this machine'}: {error.strerror or error}")
        return Exit.USAGE
    except UnicodeEncodeError as error:
        complain(_not_text(error))
        return Exit.USAGE
    except _unreadable() as error:
        from audit.storage import event_store

        complain(
            event_store.damage()
            or f"a file of the workspace cannot be read; restore it from a backup ({error})"
        )
        return Exit.USAGE
    except KeyboardInterrupt:
        complain("stopped")
        return Exit.INTERRUPTED


def _command(arguments: list[str]) -> int:
    """Any command line but the plainest that open screens."""
    from tui.commands import build
    from tui.commands.output import answer_from, as_lines

    answer_from(None)
    as_lines(False)
    return build()(arguments)


def complain(text: str) -> None:
    """One line on stderr."""
    from tui.commands import output

    output.complain(text)


def _not_text(error: UnicodeEncodeError) -> str:
    """A terminal that cannot print our signs, or an argument whose bytes are no text."""
    if error.encoding == "utf-8":
        return "what was given is not UTF-8 text"
    return f"this terminal's encoding, {error.encoding}, cannot print the answer; set PYTHONUTF8=1, or use --json"


def _unreadable() -> tuple[type[Exception], ...]:
    """What polars raises over a file damaged in its middle, or written by another program, where polars was used at all."""
    polars = sys.modules.get("polars")
    return () if polars is None else (polars.exceptions.ComputeError, polars.exceptions.SchemaError)


if __name__ == "__main__":
    main()
