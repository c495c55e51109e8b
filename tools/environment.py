"""Make .venv and install one of the requirement sets into it: `python3 tools/environment.py core|test|dev`.

Needs nothing but Python's standard library; does nothing when .venv already has that set. Written so
that an old Python can still read it far enough to say that it is too old.
"""

import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager

OLDEST, NEWEST = (3, 11), (3, 13)
SETS = ("core", "test", "dev")
ENVIRONMENT = ".venv"
STILL_AT_IT_S = 5  # a person who sees nothing for longer takes it for dead
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER")


def quit_unless_suitable():
    """End with one sentence if this Python cannot run junto."""
    version = sys.version_info[:2]
    if OLDEST <= version <= NEWEST:
        return
    sys.exit(
        "junto needs Python 3.%d to 3.%d, and %s is Python %d.%d.\n"
        "  fix: name a suitable one, for example: make demo PYTHON=python3.12"
        % (OLDEST[1], NEWEST[1], sys.executable, version[0], version[1])
    )


def fingerprint(name):
    """Changes whenever the set `name`, the project's own metadata or the interpreter does."""
    state = hashlib.sha256((sys.version + sys.executable + os.getcwd()).encode())
    for each in SETS[: SETS.index(name) + 1]:
        with open(os.path.join("requirements", each + ".txt"), "rb") as pins:
            state.update(pins.read())
    with open("pyproject.toml", "rb") as project:
        state.update(project.read())
    return state.hexdigest()


def sources():
    """Changes whenever the C kernels, or how they are compiled, do."""
    folder = os.path.join("src", "junto", "native")
    state = hashlib.sha256()
    kernels = sorted(os.path.join("c", name) for name in os.listdir(os.path.join(folder, "c")))
    for name in ["compiling.py", *kernels]:
        with open(os.path.join(folder, name), "rb") as source:
            state.update(name.encode() + source.read())
    return state.hexdigest()


def compile_kernels(python):
    """Compile the C kernels beside their sources, if these have changed; no compiler: it is said, once."""
    marker, now = stamp("kernels"), sources()
    if os.path.exists(marker):
        with open(marker) as saved:
            if saved.read() == now:
                return
    run(python, os.path.join("tools", "kernels.py"))
    with open(marker, "w") as saved:
        saved.write(now)


def stamp(name):
    """The file that says which fingerprint of `name` is installed."""
    return os.path.join(ENVIRONMENT, "junto-%s.stamp" % name)


def installed(name):
    """Whether .venv has the set `name` as it is now."""
    try:
        with open(stamp(name)) as saved:
            return saved.read() == fingerprint(name)
    except OSError:
        return False


@contextmanager
def only_one():
    """Keep a second `make` (or `make -j`) out of .venv meanwhile."""
    os.makedirs(ENVIRONMENT, exist_ok=True)
    with open(os.path.join(ENVIRONMENT, "junto.lock"), "w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: no `make -j` to keep out
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*command):
    """Run `command` without what the caller's shell says of other environments; quit if it fails."""
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment)
    while process.returncode is None:
        try:
            process.wait(STILL_AT_IT_S)
        except subprocess.TimeoutExpired:
            print("    ... %d s" % (time.monotonic() - began), flush=True)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode != 0:
        sys.exit("set-up failed in: " + " ".join(command))


def step(text, *command):
    """Say what is done now, `run` it, and say how long it took."""
    print("  " + text + " ...", flush=True)
    began = time.monotonic()
    run(*command)
    print("    done in %.1f s" % (time.monotonic() - began), flush=True)


def pinned(name):
    """How many packages the set `name` has."""
    with open(os.path.join("requirements", name + ".txt")) as pins:
        return sum("==" in line and not line.lstrip().startswith("#") for line in pins)


def interpreter():
    """The environment's own Python."""
    return os.path.join(ENVIRONMENT, "Scripts" if os.name == "nt" else "bin", "python")


def create():
    """Make .venv anew with this interpreter unless it is there and made by it."""
    marker = os.path.join(ENVIRONMENT, "junto-python.stamp")
    made_by = sys.version + sys.executable + os.getcwd()
    python = interpreter()
    try:
        with open(marker) as saved:
            if saved.read() == made_by and os.path.exists(python):
                return python
    except OSError:
        pass
    try:
        import ensurepip  # noqa: F401  Debian ships Python without it
        import venv  # noqa: F401
    except ImportError:
        sys.exit("this Python has no venv.\n  fix: on Debian and Ubuntu: apt-get install python3-venv")
    for name in SETS:
        if os.path.exists(stamp(name)):
            os.remove(stamp(name))
    text = "making %s with Python %d.%d" % (ENVIRONMENT, sys.version_info[0], sys.version_info[1])
    step(text, sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    with open(marker, "w") as saved:
        saved.write(made_by)
    return python


def main():
    """Install the set that the command line names."""
    quit_unless_suitable()
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        sys.exit("usage: environment.py " + "|".join(SETS))
    name = sys.argv[1]
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with only_one():
        if installed(name):
            compile_kernels(interpreter())
            return
        print("setting up %s for `%s`, once" % (ENVIRONMENT, name), flush=True)
        began = time.monotonic()
        python = create()
        pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        pins = os.path.join("requirements", name + ".txt")
        step("installing %d packages of %s" % (pinned(name), pins), *pip, "-r", pins)
        step("installing junto itself", *pip, "--no-deps", "--no-build-isolation", "-e", ".")
        for each in SETS[: SETS.index(name) + 1]:
            with open(stamp(each), "w") as saved:
                saved.write(fingerprint(each))
        compile_kernels(python)
        print("  %s is ready after %.0f s" % (ENVIRONMENT, time.monotonic() - began), flush=True)


if __name__ == "__main__":
    main()
