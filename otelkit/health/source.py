"""What a source file defines, read from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class Unreadable(Exception):
    """A source file that can't be read or parsed; the text says why, with the line."""


@dataclass(frozen=True, slots=True)
class Defined:
    """The names that a module has when it is imported, as far as its text tells."""

    functions: frozenset[str]
    """Dotted: ``parse``, ``Encoder.run``."""
    opaque: frozenset[str]
    """Names bound to something the text does not tell: imported, assigned, or a class with bases or a decorator."""
    anything: bool
    """Whether the module may have any name at all: ``from x import *``, or a module-level ``__getattr__``."""

    def is_open(self, dotted: str) -> bool:
        """Return whether the text can't rule ``dotted`` out."""
        if self.anything:
            return True
        parts = dotted.split(".")
        return any(".".join(parts[:length]) in self.opaque for length in range(1, len(parts) + 1))


def read_definitions(file: Path) -> Defined:
    """Return what a Python source file defines.

    Raises:
        Unreadable: It can't be read, decoded or parsed.
    """
    try:
        # Bytes: the parser itself heeds the file's coding line.
        tree = ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise Unreadable(f"{file}{f', line {line}' if line else ''}: {error}") from error
    reader = _Reader()
    reader.read(tree.body, "")
    anything = reader.starred or "__getattr__" in reader.functions
    return Defined(frozenset(reader.functions), frozenset(reader.opaque), anything)


class _Reader:
    """Walks a module's body and the bodies that run with it (``if``, ``try``, ``with``, classes), not its functions."""

    def __init__(self) -> None:
        self.functions: set[str] = set()
        self.opaque: set[str] = set()
        self.starred = False

    def read(self, body: Iterable[ast.stmt], inside: str) -> None:
        for node in body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.functions.add(inside + node.name)
                case ast.ClassDef():
                    bases = [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "object")]
                    if bases or node.keywords or node.decorator_list:
                        self.opaque.add(inside + node.name)
                    self.read(node.body, f"{inside}{node.name}.")
                case ast.Import() | ast.ImportFrom():
                    for alias in node.names:
                        self.starred |= alias.name == "*"
                        self.opaque.add(inside + (alias.asname or alias.name.partition(".")[0]))
                case _:
                    self._read_other(node, inside)

    def _read_other(self, node: ast.stmt, inside: str) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.stmt):
                self.read([part], inside)
            elif isinstance(part, ast.ExceptHandler | ast.match_case):
                self.read(part.body, inside)
            else:
                self.opaque |= {
                    inside + name.id
                    for name in ast.walk(part)
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
                }
