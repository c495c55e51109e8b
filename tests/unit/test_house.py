"""The rules of the house that no off-the-shelf tool checks (CONTRIBUTING.md says why they are there)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from sources import MODULES, ROOT, calls, nodes, trees

MODULE_LINES, FUNCTION_LINES, PARAMETERS = 600, 60, 6
HEAVY = (
    "cryptography",
    "grpc",
    "jax",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "ray",
    "rich",
    "scipy",
    "typer",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Signatures that users know from elsewhere: the deployment guide's, and those of pandas and scikit-learn.
WIDE_BY_CONTRACT = {"init", "join", "read_csv", "read_parquet", "train_test_split", "__call__"} | {
    "precision_score",
    "recall_score",
    "f1_score",
}
"""Of what users call, where SecretFlow, pandas, scikit-learn and jax have as many; `__call__` is an SPU's."""


def name_of(path: Path, node: ast.stmt | ast.expr | None = None) -> str:
    place = str(path.relative_to(ROOT))
    return f"{place}:{node.lineno}" if node is not None else place


def call_name(node: ast.expr) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_modules_are_short() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_functions_are_short() -> None:
    def lines(node: Function) -> int:
        first = node.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        prose = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
        return (node.end_lineno or 0) - node.lineno + 1 - prose

    too_long = [
        f"{name_of(path, node)} {node.name}: {lines(node)}"
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if lines(node) > FUNCTION_LINES
    ]
    assert too_long == []


def is_command(node: Function) -> bool:
    """Whether a decorator makes it a command, whose parameters are its command line."""
    return any(call_name(decorator).endswith((".command", ".callback")) for decorator in node.decorator_list)


def test_functions_take_few_parameters() -> None:
    def count(node: Function) -> int:
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return len([each for each in given if each.arg not in ("self", "cls")])

    too_wide = [
        f"{name_of(path, node)} {node.name}: {count(node)}"
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if count(node) > PARAMETERS and node.name not in WIDE_BY_CONTRACT and not is_command(node)
    ]
    assert too_wide == []


def test_no_assert_checks_input() -> None:
    # They vanish under `python -O`, and so does what asks for __debug__.
    found = [
        name_of(path, node)
        for path, node in nodes(ast.Assert, ast.Name)
        if isinstance(node, ast.Assert) or node.id == "__debug__"
    ]
    assert found == []


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    makers = {"list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict"}
    return isinstance(value, ast.Call) and call_name(value).rpartition(".")[2] in makers


def promised_constant(annotation: ast.expr | None) -> bool:
    text = ast.unparse(annotation) if annotation is not None else ""
    return text.startswith(("Mapping", "Final[Mapping", "Sequence", "frozenset", "Final[Sequence"))


def test_no_module_keeps_mutable_state() -> None:
    # A literal table is fine when its annotation promises that nobody writes to it (mypy holds it to that).
    found = []
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.Assign):
                targets = [ast.unparse(target) for target in node.targets]
                if is_mutable(node.value) and targets != ["__all__"]:
                    found.append(name_of(path, node))
            elif (
                isinstance(node, ast.AnnAssign)
                and is_mutable(node.value)
                and not promised_constant(node.annotation)
            ):
                found.append(name_of(path, node))
    assert found == []


def test_only_commands_print() -> None:
    found = [
        name_of(path, node)
        for path, node, name in calls()
        if path.parent.name != "cli" and name in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert found == []


def test_the_library_takes_nothing_from_its_host() -> None:
    forbidden = {"sys.exit", "os._exit", "signal.signal", "logging.basicConfig", "exit"}
    found = [
        f"{name_of(path, node)} {name}"
        for path, node, name in calls()
        if path.parent.name != "cli" and path.name != "__main__.py"
        if name in forbidden or (name == "logging.getLogger" and not node.args)
    ]
    # The child that a task has forked is not the host: it must not go on as a second copy of the party.
    assert [each for each in found if "execute/local.py" not in each] == []
    assert len(found) == 1


def test_nothing_waits_by_a_clock_that_somebody_may_set() -> None:
    """The doctor alone reads it: to say by how much the clocks of two parties differ."""
    found = {
        path.name for path, _, name in calls() if name in ("time.time", "time.time_ns", "time.localtime")
    }
    assert found == {"service.py"}


def test_what_an_interrupt_may_leave_locked_is_not_used() -> None:
    """See `junto.locks`; a condition on a lock that is entered as a lock is none of it."""
    found = {path.name for path, _, name in calls() if name in ("threading.Condition", "threading.Event")}
    assert found == {"parent_watchdog.py", "memory_pipe.py"}


def test_nothing_is_measured_by_a_clock_that_may_be_set() -> None:
    """What date it is ask certificates, the ledger and reports, and doctors, who compare clocks."""
    found = {
        path.name
        for path, _, name in calls()
        if name.endswith(("time.time", "time.time_ns", "time.now", "time.utcnow"))
    }
    asked = {"certificates.py", "pem.py", "tls_cause.py", "ledger.py", "report.py", "prepared_file.py"}
    assert found == asked | {"service.py"}


def test_public_things_are_documented() -> None:
    # A method that implements an interface is documented there, hence classes without a base only.
    found = [
        f"{name_of(path, node)} {owner.name}.{node.name}"
        for path, owner in nodes(ast.ClassDef)
        if not owner.bases and not owner.name.startswith("_")
        for node in owner.body
        if isinstance(node, Function) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]
    assert found == []


def test_importing_junto_is_light(record_property: pytest.RecordProperty) -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import junto; "
        "print(round(time.perf_counter() - t, 3)); print(*sys.modules, sep='\\n')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, *modules = answer.stdout.splitlines()
    record_property("import_seconds", seconds)
    print(f"import junto: {seconds} s")
    assert sorted(set(modules) & set(HEAVY)) == []


@pytest.mark.parametrize("name", ["junto.join", "junto.frame"])
def test_a_room_whose_extra_has_no_jax_loads_without_it(name: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys(['jax', 'jaxlib'])); import {name}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def project_texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:  # an export without .git
        return [*MODULES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


MACHINE_PATHS = re.compile(rb"/(?:home|Users|root|work|opt)/[A-Za-z0-9_.-]+|[A-Z]:\\\\Users")
PACKAGE_HOSTS = re.compile(rb"--(?:extra-)?index[-]url|://[^ ]*/simpl[e]/", re.IGNORECASE)


def test_no_path_of_a_machine_and_no_package_host_in_the_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in project_texts()
        if path != Path(__file__)
        for pattern in (MACHINE_PATHS, PACKAGE_HOSTS)
        if (match := pattern.search(path.read_bytes()))
    ]
    assert found == []


def test_pinned_requirements_are_exact() -> None:
    line = re.compile(r"#.*|-r (core|test)\.txt|[a-z0-9.-]+==[A-Za-z0-9.]+(; [a-z_]+ [=!<>]+ \"[\w.]+\")?")
    for path in (ROOT / "requirements").glob("*.txt"):
        assert [text for text in path.read_text().splitlines() if not line.fullmatch(text)] == [], path.name


def test_the_demo_installs_what_the_project_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    core = (ROOT / "requirements" / "core.in").read_text().splitlines()
    assert set(declared) - set(core) == set()


@pytest.mark.long  # as no source has an assert, above, nothing can vanish
def test_the_checks_of_hostile_input_do_not_vanish_under_python_O():
    # Under -O the tests' own asserts vanish; what stays is that each entry of the corpora raises its error.
    suites = ["security/test_wire_corpus.py", "security/test_pickle_corpus.py", "unit/config"]
    command = [sys.executable, "-O", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-W", "ignore:assertions not in test modules:pytest.PytestConfigWarning"]
    command += [str(ROOT / "tests" / suite) for suite in suites]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout


READ_BY = {
    "federated/secure_sum.py": (2, "by `_believed`"),
    "frame/aggregate.py": (
        2,
        "the user's statistics, from the SPU; several facts in one, by `read`",
    ),
    "frame/correlation.py": (2, "the user's statistics, from the SPU"),
    "frame/frame.py": (1, "by `facts.believed`"),
    "frame/vertical.py": (1, "by `numeric.require_none`"),
    "frame/woe.py": (1, "facts of two forms in one, by `read`"),
    "join/asking.py": (2, "by `_held` and `is_sentence`"),
    "join/hidden.py": (1, "by `_is_description`"),
    "join/joining.py": (1, "by `_agreed`, unless undisclosed"),
    "join/less.py": (3, "by `_number`, `_sum_of` and `_units`, unless undisclosed"),
    "join/lookup.py": (1, "by `is_offer`"),
    "join/opening.py": (2, "by `checked_reports`; a party's own hint to itself"),
    "join/prepared.py": (3, "by `_raise`, `_columns` and `_finished`"),
    "learn/dataset.py": (2, "by `believed`"),
    "learn/kept_models.py": (1, "by `opened`: all files say the same as the own one"),
    "learn/pooled.py": (2, "by `dataset.believed`"),
    "learn/trees/leaving.py": (1, "by `_believed`"),
}
"""Where a revealed value is not read by `fact` or `facts`: how often, and who reads it instead."""


def test_no_revealed_fact_is_taken_as_it_comes() -> None:
    rooms = {"federated", "frame", "join", "learn"}
    source = ROOT / "src" / "junto"
    paths = (path.relative_to(source) for path, call, _ in calls() if ast.unparse(call.func) == "reveal")
    found = Counter(path.as_posix() for path in paths if path.parts[0] in rooms)
    assert dict(found) == {path: count for path, (count, _) in READ_BY.items()}


NO_FIX = {
    "DeadlineExceeded": "the peer that did not answer is named, and its own log says why",
    "IdentityError": "whoever is at the other end has not shown who it is: nothing of ours is to be changed",
    "LinkError": "likewise, with the name of the peer",
    "MalformedBytes": "these bytes come from a peer or a file that somebody has changed",
    "PartyAborted": "that party's own error, which it shows, has the fix",
    "ProtocolViolation": "the peer that is named does not follow the protocol",
}
"""Errors that may say nothing of what to do, and why."""


def test_every_error_that_we_raise_says_what_to_do() -> None:
    tree = trees()[ROOT / "src" / "junto" / "errors.py"]
    ours = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - set(NO_FIX)
    raised = [(path, node, node.exc) for path, node in nodes(ast.Raise) if isinstance(node.exc, ast.Call)]
    raised = [each for each in raised if call_name(each[2]) in ours]
    bare = [name_of(path, node) for path, node, call in raised if not has_fix(call)]
    bare += [
        name_of(path, call)
        for path, call, name in calls()
        if name == "require" and len(call.args) < 3 and not has_fix(call)
    ]
    assert bare == []


def has_fix(call: ast.Call) -> bool:
    named = [word.value for word in call.keywords if word.arg in ("fix", None)]
    return any(not isinstance(value, ast.Constant) or value.value for value in named)
