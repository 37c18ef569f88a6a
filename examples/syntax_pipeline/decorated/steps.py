"""The steps of the pipeline: discover → analyse (read → parse → extract) → store.

They live in a module of their own, so that a function has the same name in the program and in its worker processes.
"""

import ast
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import otelkit

log = logging.getLogger(__name__)

SKIPPED_FOLDERS = frozenset({"site-packages", "dist-packages", "__pycache__", "node_modules"})
LARGE_BYTES = 200_000

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case, ast.comprehension)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one file after `extract`."""

    lines: int
    nodes: int
    """As `ast.walk` counts them."""
    depth: int
    """Nodes on the longest way from the module down, the module included."""
    functions: int
    classes: int
    complexity: int
    """1 + decision points: branches, loops, handlers, cases, comprehensions and their conditions, `and`, `or`."""
    imports: tuple[str, ...]
    """Imported modules, sorted, each once; relative ones with their leading dots."""


@otelkit.stage
def discover(folders: Iterable[Path], limit: int | None = None) -> Iterator[Path]:
    """Yield the Python files under the folders, in a steady order, at most ``limit``.

    A folder that lies inside another one is not searched twice. Installed packages and hidden folders are left out.
    """
    roots = {folder.resolve() for folder in folders}
    found = 0
    for root in sorted(root for root in roots if roots.isdisjoint(root.parents)):
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = sorted(name for name in subfolders if name[0] != "." and name not in SKIPPED_FOLDERS)
            for name in sorted(names):
                if found == limit:
                    return
                if name.endswith(".py"):
                    found += 1
                    yield Path(folder, name)


@otelkit.stage(item="path")
def analyse(path: Path) -> Facts:
    """Return the facts of one file; this is what a worker process does.

    Raises:
        OSError: The file cannot be read.
        SyntaxError, ValueError, RecursionError, MemoryError: It does not parse: wrong syntax or encoding, a null byte,
            nesting deeper than the parser's stack.
    """
    try:
        source = read(path)
        return extract(path, source, parse(path, source))
    except Exception as error:
        log.warning("%s failed: %s: %s", path, type(error).__name__, error)
        raise


@otelkit.stage(item="path")
def read(path: Path) -> bytes:
    """Return the file's bytes: which encoding they are in is for the parser to find out."""
    source = path.read_bytes()
    if len(source) >= LARGE_BYTES:
        log.info("%s is large: %.0f kB", path, len(source) / 1000)
    return source


@otelkit.stage(item="path")
def parse(path: Path, source: bytes) -> ast.Module:
    """Return the syntax tree."""
    return ast.parse(source, filename=path)


@otelkit.stage(item="path")
def extract(path: Path, source: bytes, tree: ast.Module) -> Facts:
    """Return what the tree tells, level by level: a loop and no recursion, for trees deeper than Python's stack."""
    kinds: Counter[type[ast.AST]] = Counter()
    imports: set[str] = set()
    depth = conditions = 0
    level: list[ast.AST] = [tree]
    while level:
        depth += 1
        below: list[ast.AST] = []
        for node in level:
            match node:
                case ast.Import():
                    imports.update(alias.name for alias in node.names)
                case ast.ImportFrom():
                    imports.add("." * node.level + (node.module or ""))
                case ast.BoolOp():
                    conditions += len(node.values) - 1
                case ast.comprehension():
                    conditions += len(node.ifs)
            for field in node._fields:
                child = getattr(node, field, None)
                if isinstance(child, ast.AST):
                    below.append(child)
                elif isinstance(child, list):
                    below += [item for item in child if isinstance(item, ast.AST)]
        kinds.update(map(type, level))
        level = below
    log.debug("%s: %d nodes, %d deep", path, kinds.total(), depth)
    return Facts(
        lines=len(source.splitlines()),
        nodes=kinds.total(),
        depth=depth,
        functions=sum(kinds[kind] for kind in FUNCTIONS),
        classes=kinds[ast.ClassDef],
        complexity=1 + conditions + sum(kinds[kind] for kind in BRANCHES),
        imports=tuple(sorted(imports)),
    )


@otelkit.stage(item="path")
def store(database: sqlite3.Connection, path: Path, facts: Facts) -> None:
    """Write the facts of one file in place of what was known of it; committing is the caller's business."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    database.execute(
        "INSERT OR REPLACE INTO files (path, lines, nodes, depth, functions, classes, complexity) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, facts.lines, facts.nodes, facts.depth, facts.functions, facts.classes, facts.complexity),
    )
    database.execute("DELETE FROM imports WHERE path = ?", (name,))
    database.executemany("INSERT INTO imports (path, module) VALUES (?, ?)", ((name, each) for each in facts.imports))
