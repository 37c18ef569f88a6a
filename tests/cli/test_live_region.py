"""The live lines stay at the bottom, flicker-free, whatever happens around them."""

from __future__ import annotations

import threading

from rich.console import Group
from rich.text import Text

from otelkit._cli.live_region import LiveRegion
from tests.cli.screen import Screen


def _picture(*lines: str) -> Group:
    return Group(*(Text(line) for line in lines))


def test_lines_are_written_over_in_place() -> None:
    """A new picture replaces the old one, also where its lines are shorter or fewer."""
    screen = Screen()
    with LiveRegion(screen.console()) as region:
        region.show(_picture("stage one", "stage two", "a third line"))
        region.show(_picture("stage 1", "stage two, longer"))

        assert screen.text == "stage 1\nstage two, longer"


def test_nothing_is_erased_before_it_is_written() -> None:
    """A refresh erases only what is left of longer lines: no moment shows an empty screen."""
    screen = Screen()
    with LiveRegion(screen.console()) as region:
        region.show(_picture("stage 1", "stage 2"))
        before = len(screen.writes)
        region.show(_picture("stage 3", "stage 4"))
        refresh = "".join(screen.writes[before:])

    assert refresh == "\r\x1b[1Astage 3\x1b[K\nstage 4\x1b[K\x1b[J"


def test_the_same_picture_writes_nothing() -> None:
    """While nothing changes the terminal is left alone."""
    screen = Screen()
    with LiveRegion(screen.console()) as region:
        region.show(_picture("stage 1"))
        before = len(screen.writes)
        region.show(_picture("stage 1"))

        assert before == len(screen.writes)


def test_what_others_print_appears_above() -> None:
    """The program's own output scrolls above the lines and none of it is lost."""
    screen = Screen()
    console = screen.console()
    with LiveRegion(console) as region:
        console.print("before the first picture")
        region.show(_picture("stage 1", "stage 2"))
        console.print("hello from the program\nand again")
        region.show(_picture("stage 3", "stage 4"))
        console.print("a line longer than any of the picture")

        assert (
            screen.text == "before the first picture\nhello from the program\nand again\n"
            "a line longer than any of the picture\nstage 3\nstage 4"
        )


def test_clearing_leaves_only_what_others_printed() -> None:
    """At the end the summary takes the place of the lines."""
    screen = Screen()
    console = screen.console()
    with LiveRegion(console) as region:
        console.print("output")
        region.show(_picture("stage 1", "stage 2"))
        region.clear()
    console.print("summary")

    assert screen.text == "output\nsummary"


def test_a_kept_picture_ends_with_a_line_end() -> None:
    """The shell's prompt starts on a line of its own, and the cursor is back."""
    screen = Screen()
    console = screen.console()
    with LiveRegion(console) as region:
        region.show(_picture("stage 1"))
        hidden = not screen.cursor_shown
    console.print("$ ")

    assert (screen.text, hidden, screen.cursor_shown) == ("stage 1\n$", True, True)


def test_the_cursor_comes_back_after_an_error() -> None:
    """An error or Ctrl-C never leaves a terminal without its cursor."""
    screen = Screen()
    try:
        with LiveRegion(screen.console()) as region:
            region.show(_picture("stage 1"))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass

    assert screen.cursor_shown


def test_a_picture_is_cut_to_the_terminal() -> None:
    """More lines than the terminal has would scroll away and could not be written over."""
    screen = Screen(width=20, height=5)
    with LiveRegion(screen.console()) as region:
        region.show(_picture(*(f"stage {number} with a long name" for number in range(9))))

        lines = screen.text.splitlines()
        assert len(lines) == 4
        assert all(len(line) < 20 for line in lines)


def test_a_narrower_terminal_is_followed() -> None:
    """Lines that the terminal has folded are counted when the cursor goes back over them."""
    screen = Screen(width=40)
    console = screen.console()
    with LiveRegion(console) as region:
        region.show(_picture("x" * 30, "y" * 30))
        console.width = 20
        before = len(screen.writes)
        screen.lines, screen.row = ["x" * 20, "x" * 10, "y" * 20, "y" * 10], 3  # what a terminal makes of it
        region.show(_picture("x" * 10, "y" * 10))

        assert "".join(screen.writes[before:]).startswith("\r\x1b[3A")
        assert screen.text == "x" * 10 + "\n" + "y" * 10


def test_many_threads_print_above() -> None:
    """Every line of every thread is there once, and the picture stands below them."""
    screen = Screen()
    console = screen.console()
    with LiveRegion(console) as region:
        region.show(_picture("stage 1", "stage 2"))
        threads = [
            threading.Thread(target=lambda name=name: [console.print(f"{name}-{number}") for number in range(20)])  # type: ignore[misc]  # a list nobody needs
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for number in range(20):
            region.show(_picture(f"stage {number}", "stage 2"))
        for thread in threads:
            thread.join()
        region.show(_picture("last", "picture"))

        lines = screen.text.splitlines()
        assert lines[-2:] == ["last", "picture"]
        assert sorted(f"{name}-{number}" for name in "abcd" for number in range(20)) == sorted(lines[:-2])
