"""The command line: one command a verb. Answers go to stdout, everything else to stderr."""

import sys

from tui.exit_codes import Exit


def main() -> None:
    """Run the program; end with an exit code of `tui.exit_codes`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code. An error a person can act on is one line on stderr."""
    if arguments == ["--version"]:
        from audit import __version__

        print(f"whysent {__version__}")
        return Exit.OK
    from audit.errors import WhysentError
    from tui import exit_codes
    from tui.commands import build
    from tui.commands.output import complain

    try:
        return build()(arguments)
    except WhysentError as error:
        complain(str(error))
        return exit_codes.of(error)
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OK
    except KeyboardInterrupt:
        complain("stopped")
        return Exit.INTERRUPTED


if __name__ == "__main__":
    main()
