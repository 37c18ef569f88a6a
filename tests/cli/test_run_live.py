"""`otelkit run` on a terminal: the live table below, the program's own lines above, nothing of it lost or changed."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

from tests.cli.running import command, runs
from tests.cli.terminal import Terminal
from tests.programs import write

STAGED = """
    import sys, time
    import otelkit

    @otelkit.stage
    def parse():
        time.sleep(0.001)

    for number in range(20):
        parse()
    print("on out", flush=True)
    print("\\x1b[31mon err\\x1b[0m", file=sys.stderr)
    sys.stdin.readline()
    print("after")
"""


def lines(text: str) -> list[str]:
    """Return a terminal's lines without colours and cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n").split("\n")


def test_the_table_is_shown_while_the_program_runs(tmp_path: Path) -> None:
    """With its stage, below what the program prints on either stream; then the summary stays."""
    write(tmp_path, "app.py", STAGED)
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        terminal.expect("on out")
        terminal.expect("on err")
        terminal.expect("running")
        terminal.expect("parse")
        terminal.type(b"\n")

        assert terminal.end() == 0
    after = terminal.text[terminal.text.rindex("after") :]
    assert "ok" in after
    assert "otelkit trace" in after
    assert terminal.text.count("\x1b[31mon err\x1b[0m") == 1
    assert "\x1b[?25h" in terminal.text, "the cursor is shown again"


def test_every_line_arrives_once_and_in_order(tmp_path: Path) -> None:
    """Thousands of lines, on both streams, of any width, with and without an end."""
    write(
        tmp_path,
        "app.py",
        """
        import sys
        for number in range(3000):
            print(f"line {number} " + "x" * (number % 250), file=(sys.stdout, sys.stderr)[number % 2], flush=True)
        print("no end", end="")
        """,
    )
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        assert terminal.end() == 0
    seen = [line for line in lines(terminal.text) if line.startswith("line ")]

    assert seen == [f"line {number} " + "x" * (number % 250) for number in range(3000)]
    assert "no end" in lines(terminal.text)


def test_the_program_prints_to_a_terminal_of_the_same_size(tmp_path: Path) -> None:
    """Colours, progress bars and widths are as without us, also after the window changed."""
    write(
        tmp_path,
        "app.py",
        """
        import os, signal, sys
        changed = []
        signal.signal(signal.SIGWINCH, lambda *_: changed.append(1))
        print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), os.get_terminal_size(1).columns, flush=True)
        sys.stdin.readline()
        while not changed or os.get_terminal_size(1).columns != 70:
            pass
        print("columns", os.get_terminal_size(2).columns)
        """,
    )
    with Terminal(tmp_path, command("run", "python", "app.py"), columns=90) as terminal:
        terminal.expect("True True True 90")
        terminal.resize(70, 30)
        terminal.type(b"\n")
        terminal.expect("columns 70")

        assert terminal.end() == 0


def test_standard_output_that_is_redirected_is_not_touched(tmp_path: Path) -> None:
    """Byte for byte, while the table is on the screen."""
    write(tmp_path, "app.py", "import os\nos.write(1, bytes(range(256)) * 4096)\n")
    line = shlex.join(command("run", "python", "app.py")) + " > out.bin"
    with Terminal(tmp_path, ["sh", "-c", line]) as terminal:
        assert terminal.end() == 0

    assert (tmp_path / "out.bin").read_bytes() == bytes(range(256)) * 4096


def test_a_question_without_a_line_end_is_shown(tmp_path: Path) -> None:
    """And its answer reaches the program."""
    write(tmp_path, "app.py", "import sys\nprint('name?', end=' ', flush=True)\nprint('hello', sys.stdin.readline())\n")
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        terminal.expect("name?")
        terminal.type(b"Ada\n")
        terminal.expect("hello Ada")

        assert terminal.end() == 0


def test_a_progress_bar_leaves_its_last_state(tmp_path: Path) -> None:
    """It overwrites one line many times; above the table its end is enough."""
    write(
        tmp_path,
        "app.py",
        """
        import sys, time
        for percent in range(0, 101, 10):
            print(f"\\r{percent:3}%", end="", file=sys.stderr, flush=True)
            time.sleep(0.01)
        print(file=sys.stderr)
        """,
    )
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        assert terminal.end() == 0

    assert "100%" in lines(terminal.text)


def test_a_program_that_draws_itself_gets_the_screen(tmp_path: Path) -> None:
    """From its first cursor movement on, every byte goes through; there is no table any more, but a summary."""
    drawing = "\x1b[?1049h\x1b[2J\x1b[5;10Hmine\x1b[?1049l"
    write(
        tmp_path,
        "app.py",
        f"""
        import sys, time
        print("before", flush=True)
        time.sleep(0.5)
        sys.stdout.write({drawing!r})
        sys.stdout.flush()
        time.sleep(1.0)
        print("end")
        """,
    )
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        assert terminal.end() == 0
    drawn = terminal.text.index(drawing)

    assert "waiting for" not in terminal.text[drawn:]
    assert terminal.text.index("end", drawn) < terminal.text.index("no stage has ended", drawn)


def test_a_program_that_reads_single_keys_gets_the_screen(tmp_path: Path) -> None:
    """As an interactive prompt with line editing does."""
    write(
        tmp_path,
        "app.py",
        """
        import sys, tty, termios
        before = termios.tcgetattr(0)
        print("ready", flush=True)
        tty.setcbreak(0)
        key = sys.stdin.read(1)
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        print("key", key)
        """,
    )
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        terminal.expect("ready")
        terminal.expect("\x1b[?25h")
        terminal.type(b"q")
        terminal.expect("key q")

        assert terminal.end() == 0


def test_ctrl_c_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    """The table goes, the cursor is back, the summary says that it was interrupted."""
    write(tmp_path, "app.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    with Terminal(tmp_path, command("run", "python", "app.py")) as terminal:
        terminal.expect("ready")
        terminal.type(b"\x03")

        assert terminal.end() == -signal.SIGINT
    assert "interrupted" in terminal.text
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")
    assert runs(tmp_path)[0].state == "interrupted"


def test_what_the_program_leaves_behind_can_still_print(tmp_path: Path) -> None:
    """A process in the background that outlives it is not broken by our end."""
    write(
        tmp_path,
        "app.py",
        """
        import os, subprocess, sys
        subprocess.Popen(["sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; echo still here && touch printed"])
        print("leaving")
        """,
    )
    line = shlex.join(command("run", "python", "app.py")) + "; touch go; while [ ! -e printed ]; do sleep 0.05; done"
    with Terminal(tmp_path, ["sh", "-c", line]) as terminal:
        terminal.expect("still here")

        assert terminal.end() == 0


def test_no_live_hands_the_terminal_over(tmp_path: Path) -> None:
    """The program's streams are the real terminal itself."""
    write(tmp_path, "app.py", "import os\nprint(len({os.ttyname(n) for n in (0, 1, 2)}), 'terminal')\n")
    with Terminal(tmp_path, command("run", "--no-live", "python", "app.py")) as terminal:
        terminal.expect("1 terminal")

        assert terminal.end() == 0
    assert "\x1b[?25l" not in terminal.text


def test_without_a_terminal_for_errors_there_is_no_table(tmp_path: Path) -> None:
    """Only the summary, without colours or cursor movements."""
    write(tmp_path, "app.py", STAGED)
    line = shlex.join(command("run", "python", "app.py")) + " 2> err.txt < /dev/null"
    with Terminal(tmp_path, ["sh", "-c", line]) as terminal:
        assert terminal.end() == 0
    errors = (tmp_path / "err.txt").read_text()

    assert errors.count("\x1b") == 2, "the colours of the program, and none of ours"
    assert errors.count("otelkit trace") == 1
