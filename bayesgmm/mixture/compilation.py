"""How loops become machine code, and where that code is kept.

The kernels are plain loops over arrays. `numba <https://numba.pydata.org>`_ turns them into
machine code when they are first called, which takes seconds, and keeps the result on disk, so
that it happens once per installation and not once per process. This module holds everything
about that: the compiler's flags (`jit`, `jit_inner`, `jit_exact`), the folder of the compiled
code, and the one line that tells a waiting user what is going on (`announce_compilation`).

Two things that numba would leave to us:

* It looks for changes only in the file that a function is written in. A kernel that calls
  another file's kernel would outlive a change there, and none would notice a change of flags.
  So each kernel is filed under a digest of all the sources that it is compiled from.
* It refuses to work where neither the package nor the home directory can be written. A private
  temporary folder is then the last resort.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import inspect
import math
import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
from numba.core.cgutils import create_struct_proxy
from numba.extending import intrinsic

MESSAGE = "bayesgmm: compiling its kernels, once per installation (less than a minute) ..."
PATIENCE = 0.7  # seconds that pass before a user deserves an explanation, ...
_QUIET = 60.0  # ... and after one, before another

# Sums may be reordered and products contracted; infinities and NaN keep their meaning.
_FAST = frozenset({"reassoc", "contract", "nsz", "arcp"})
_EXACT = frozenset({"contract"})

_PACKAGE = __name__.partition(".")[0]

_config: Any = numba.config
_decorating, _compiling = threading.Lock(), threading.RLock()
_said = -math.inf  # when the user was last told
_dispatchers: list[Any] = []
_callbacks: list[Any] = []  # must outlive whoever holds their addresses
_sources: dict[str, set[str]] = {}  # module: the modules that its kernels are compiled from


def jit[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel on first use: serial, without the GIL, kept on disk."""
    return _jit(function, _FAST)


def jit_inner[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile like `jit` a part of kernels, which Python itself cannot call: that is quicker.

    It becomes part of each kernel that calls it. Left to itself, the linker might take one of
    several copies that differ in rounding, another where kernels come from disk than where they
    were just compiled, and the same seed would give other draws.
    """
    return _jit(function, _FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)


def jit_pointed[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile like `jit` what only compiled code is to call, at its address: see `Pointer`."""
    return _jit(function, _FAST, no_cpython_wrapper=True)


def jit_part[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Make a function a part of the one kernel that calls it, as if it were written there.

    That compiles sooner still: nothing is made of it by itself. But it is compiled again with
    each caller, and in it branches on ``ndim`` are not decided at compilation.
    """
    return _jit(function, _FAST, inline="always")


def jit_exact[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile like `jit`, for arithmetic whose order must not be touched."""
    return _jit(function, _EXACT)


Argument = int | np.dtype[np.void] | numba.types.Type


def compile_for(
    kernel: Callable[..., object], reads: Sequence[Argument], writes: Sequence[Argument]
) -> None:
    """Compile a kernel for these arguments, or load it, and refuse any others from then on.

    Parameters
    ----------
    kernel : callable
        A function decorated with `jit`, whose arguments are float64 C-contiguous arrays, or other
        things that can be told of here.
    reads, writes : sequence
        Numbers of dimensions: of the arrays that it reads, which come first and may be
        read-only, and of those that it overwrites. An integer has none. A dtype stands for an
        array of one dimension of such records; a type of numba's, for itself.
    """
    _compile(kernel, _types(reads, writes))


def _compile(kernel: Any, arguments: tuple[Any, ...]) -> Any:
    kernel.disable_compile(False)
    kernel.compile(arguments)
    kernel.disable_compile()
    return kernel


def compile_callback(function: Callable[..., int], signature: Any) -> int:
    """Compile a function for callers that are not Python, or load it; return its address.

    Nothing may escape from it: an exception would be printed, and the caller not be told.

    Parameters
    ----------
    function : callable
        Numbers and pointers in, an error code out. It may call functions decorated with `jit`.
    signature : numba.core.typing.Signature
        What it takes and returns.
    """
    callback: Any = numba.cfunc
    with _decorating, _filed(function):
        compiled = callback(
            signature, cache=True, error_model="numpy", fastmath=set(_FAST), boundscheck=False
        )(function)
    _callbacks.append(compiled)
    return int(compiled.address)


class Pointer(numba.types.WrapperAddressProtocol):
    """A compiled kernel as the argument of another, which need not be compiled again for it.

    numba would take the kernel itself as well, but looks it up anew each time, for as long as a
    small ascent takes.

    Parameters
    ----------
    kernel : callable
        Decorated with `jit`.
    signature
        What `function_signature` gave.

    Attributes
    ----------
    address : int
        Where the machine code is.
    type : numba.types.FunctionType
        What it is to the compiler.
    """

    def __init__(self, kernel: Callable[..., object], signature: Any) -> None:
        dispatcher = _compile(kernel, signature.args)
        found = dispatcher.overloads[signature.args]
        name = found.fndesc.llvm_cfunc_wrapper_name
        self.address = int(found.library.get_pointer_to_function(name))
        self._signature = signature
        self.type = self._numba_type_ = numba.types.FunctionType(signature)

    def __wrapper_address__(self) -> Any:
        """Where the machine code is: numba asks for it."""
        return self.address

    def signature(self) -> Any:
        """Types of the arguments and of the result: numba asks for them."""
        return self._signature


def function_at(signature: Any) -> Any:
    """Give what makes a function of its address (`Pointer.address`), in compiled code.

    Parameters
    ----------
    signature
        What `function_signature` gave.
    """
    kind, proxy = numba.types.FunctionType(signature), cast("Any", create_struct_proxy)

    def typed(_: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            found = proxy(kind)(context, builder)
            found.c_addr = builder.inttoptr(
                arguments[0], context.get_value_type(numba.types.voidptr)
            )
            return found._getvalue()

        return kind(address), generate

    return intrinsic(typed)


def function_signature(
    reads: Sequence[Argument], writes: Sequence[Argument], returns: Any = numba.types.void
) -> Any:
    """Give the signature of a kernel; see `compile_for`."""
    return returns(*_types(reads, writes))


def _types(reads: Sequence[Argument], writes: Sequence[Argument]) -> tuple[Any, ...]:
    return (*[_type(one, readonly=True) for one in reads], *[_type(one) for one in writes])


def _type(what: Argument, readonly: bool = False) -> Any:
    if isinstance(what, numba.types.Type):
        return what
    if isinstance(what, np.dtype):
        return numba.types.Array(numba.from_dtype(what), 1, "C", readonly=readonly)
    if what == 0:
        return numba.types.int64
    return numba.types.Array(numba.types.float64, what, "C", readonly=readonly)


@contextmanager
def announce_compilation() -> Iterator[None]:
    """Tell the user, in one line on stderr, if the calls inside turn out to compile for long.

    Kernels that load from disk are silent, and so is everything after the first time. Meanwhile
    the garbage collector rests: it would look at all that the compiler holds, again and again.
    """
    with _compiling, _uncollected():  # a second thread waits here, then finds all compiled
        before = _compiled_anew()
        done = threading.Event()

        def explain() -> None:
            global _said
            while not done.wait(PATIENCE):
                if _compiled_anew() > before:
                    if time.monotonic() - _said > _QUIET:
                        print(MESSAGE, file=sys.stderr, flush=True)
                    _said = time.monotonic()
                    return

        threading.Thread(target=explain, daemon=True).start()
        try:
            yield
        finally:
            done.set()


@contextmanager
def _uncollected() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _jit[**P, R](
    function: Callable[P, R], fastmath: frozenset[str], **options: bool | str
) -> Callable[P, R]:
    njit: Any = numba.njit  # its annotations do not know all of its options
    compiler: Callable[[Callable[P, R]], Callable[P, R]] = njit(
        nogil=True,
        error_model="numpy",
        cache=True,
        fastmath=set(fastmath),
        boundscheck=False,
        **options,
    )
    with _decorating, _filed(function):
        dispatcher = compiler(function)
    _dispatchers.append(dispatcher)
    return dispatcher


@contextmanager
def _filed(function: Callable[..., object]) -> Iterator[None]:
    """Let numba keep in our folder what it decorates inside: it asks for one then, and only then.

    One thread at a time.
    """
    theirs = _config.CACHE_DIR
    _config.CACHE_DIR = str(_cache_root() / f"kernels-{source_digest(function)}")
    try:
        yield
    finally:
        _config.CACHE_DIR = theirs


def _compiled_anew() -> int:
    return sum(dispatcher.stats.cache_misses.total() for dispatcher in _dispatchers)


def source_digest(function: Callable[..., object]) -> str:
    """Digest, in hexadecimal digits, of every source file that a kernel is compiled from."""
    module = function.__module__
    modules = _sources.setdefault(module, {__name__, module})
    for value in vars(sys.modules[module]).values():  # what it imports, and their imports
        origin = str(getattr(value, "__module__", None) or getattr(value, "__name__", None))
        ours = origin.startswith(f"{_PACKAGE}.")
        modules |= _sources.get(origin, {origin} if ours else set())
    text = "".join(inspect.getsource(sys.modules[name]) for name in sorted(modules))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def _cache_root() -> Path:
    """Choose the first folder that can be written: the user's own choice, ours, theirs."""
    package = Path(__file__).parents[1]
    candidates = [_config.CACHE_DIR, package / "__pycache__", _user_cache()]
    for folder in filter(None, candidates):
        if _is_writable(Path(folder)):
            return Path(folder)
    return _private_temporary_folder()


def _user_cache() -> Path | None:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base, "bayesgmm") if os.path.isabs(base) else None


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_temporary_folder() -> Path:
    """Return a folder under the temporary one that no other user could have filled."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir(), f"bayesgmm-{user}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="bayesgmm-"))
    # compiled code is run as it is found, so a folder that others may write is of no use
    ours = stat.S_ISDIR(found.st_mode) and (user == "user" or found.st_uid == user)
    if ours and (user == "user" or not found.st_mode & 0o022) and _is_writable(folder):
        return folder
    return Path(tempfile.mkdtemp(prefix="bayesgmm-"))


@jit
def _nothing() -> None:
    """Do nothing: the first compiled function to be called makes numba read its registries."""


_nothing()  # half a second that belongs to the import, not to a user's first fit
