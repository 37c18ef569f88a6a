"""The stages of the syntax pipeline, one by one."""

from __future__ import annotations

import ast
import itertools
import json
import pickle
import sqlite3
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]
HERE = Path(__file__)
SAMPLES = [HERE, Path(json.__file__), Path(ast.__file__), Path(sysconfig.get_path("stdlib"), "typing.py")]


def depth_of(node: ast.AST) -> int:
    return 1 + max(map(depth_of, ast.iter_child_nodes(node)), default=0)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_facts_agree_with_ast_walk(load: Load, path: Path) -> None:
    """Nodes, functions, classes, imports and depth are those that a walk over the tree finds."""
    tree = ast.parse(path.read_bytes())
    nodes = list(ast.walk(tree))
    imports = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imports |= {"." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)}

    facts = load("steps").analyse(path)

    assert (facts.nodes, facts.depth, facts.lines) == (len(nodes), depth_of(tree), len(path.read_bytes().splitlines()))
    assert facts.functions == sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes)
    assert facts.classes == sum(isinstance(node, ast.ClassDef) for node in nodes)
    assert facts.imports == tuple(sorted(imports))


@pytest.mark.parametrize(
    ("source", "complexity"),
    [
        ("", 1),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("for a in b:\n  while c: pass\nelse: pass", 3),
        ("try: pass\nexcept A: pass\nexcept B: pass\nfinally: pass", 3),
        ("x = a and b and c or d", 4),
        ("x = [a for b in c for d in e if f if g]", 5),
        ("x = a if b else c", 2),
        ("match a:\n  case 1: pass\n  case _: pass", 3),
        ("async def f():\n  async for a in b: pass", 2),
    ],
)
def test_complexity_counts_decisions(load: Load, source: str, complexity: int) -> None:
    """One, and one more for each way the code can branch."""
    facts = load("steps").extract(Path("x.py"), source.encode(), ast.parse(source))

    assert facts.complexity == complexity


def test_a_tree_deeper_than_the_stack_is_measured(load: Load) -> None:
    """A tree of 20,000 levels, twenty times Python's own limit, is walked without recursion."""
    node: ast.expr = ast.Name("x", ast.Load())
    links = [node]
    for _ in range(20_000):
        node = ast.UnaryOp(ast.Not(), node)
        links.append(node)

    facts = load("steps").extract(Path("x.py"), b"", ast.Module([ast.Expr(node)], []))

    assert (facts.depth, facts.nodes) == (20_000 + 4, 40_000 + 4)
    for link in links:  # taken apart link by link: freeing it at one go is deep as well
        link.__dict__.clear()


def test_facts_travel_between_processes(load: Load) -> None:
    """What a worker returns can be pickled and is equal on the other side."""
    facts = load("steps").analyse(HERE)

    assert pickle.loads(pickle.dumps(facts)) == facts


def test_stages_have_one_name_everywhere(load: Load) -> None:
    """A worker finds the very function the program submitted, under the module's own name."""
    steps = load("steps")

    assert pickle.loads(pickle.dumps(steps.analyse)) is steps.analyse
    assert steps.analyse.__module__ == "steps"


def test_discover_searches_lazily(load: Load, zoo: Path) -> None:
    """The first file is there before the last folder was looked at, in an order that does not change."""
    discover = load("steps").discover
    first = next(discover([zoo]))

    assert first == min(zoo.glob("*.py"))
    assert list(discover([zoo])) == list(discover([zoo]))


class ImmediatePool:
    """Runs nothing: a submitted call has ended at once."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, function: object, path: Path) -> Future[None]:
        self.submitted += 1
        call: Future[None] = Future()
        call.set_result(None)
        return call


def test_the_window_of_outstanding_calls_is_bounded(load: Load) -> None:
    """However many files there are, even without an end, only a few are submitted ahead of what is handled."""
    workers = load("workers")
    pool = ImmediatePool()

    def endless() -> Iterator[Path]:
        return (Path(f"{number}.py") for number in itertools.count())

    ahead = [
        pool.submitted - done for done, _ in enumerate(itertools.islice(workers.analysed(pool, endless(), 3), 1_000))
    ]

    assert max(ahead) == 3 * workers.AHEAD


def test_every_path_comes_back_once(load: Load) -> None:
    """What goes into the pool comes out of it, the last calls included."""
    paths = [Path(f"{number}.py") for number in range(101)]

    assert sorted(path for path, _ in load("workers").analysed(ImmediatePool(), paths, 2)) == sorted(paths)


def test_the_writer_raises_where_it_is_used(load: Load, tmp_path: Path) -> None:
    """A database that cannot be opened is an error for the one who puts results, long before the queue is full for ever."""
    facts = load("steps").analyse(HERE)
    writer = load("writer").Writer(tmp_path)

    def work() -> None:
        with writer:
            for _ in range(10_000):
                writer.put(HERE, facts)

    with pytest.raises(sqlite3.OperationalError):
        work()


def test_the_writer_keeps_what_was_put_before_an_error(load: Load, tmp_path: Path) -> None:
    """An exception in the middle of the work loses nothing that was handed over before it."""
    facts = load("steps").analyse(HERE)
    writer = load("writer").Writer(tmp_path / "facts.db")

    def work() -> None:
        with writer:
            writer.put(HERE, facts)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()

    with closing(sqlite3.connect(tmp_path / "facts.db")) as database:
        row = database.execute("SELECT path, nodes FROM files").fetchall()

    assert (row, writer.stored) == ([(str(HERE), facts.nodes)], 1)
