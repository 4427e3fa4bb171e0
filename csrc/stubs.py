"""Writes the types of what C gives to Python, with the core built. A test holds the files to what this prints.

    python csrc/stubs.py > runtime/_core.pyi             as the C declarations say
    python csrc/stubs.py probes > runtime/_probes.pyi    as the texts in the tables of its functions say

Such a text begins with a declaration in Python's words: `"has_span(code: CodeType, /) -> bool: whether it has probes."`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import MethodDescriptorType
from typing import Any

from prof import engine
from prof._core import ffi, lib

HEAD = '''"""Generated from the C headers by csrc/stubs.py: do not edit."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_T = TypeVar("_T")

class Memory:
    """A pointer to bytes or to what only C knows."""

class Numbers(Generic[_T]):
    """An array of numbers, or a pointer to its first."""

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any]) -> Self: ...
    def __setitem__(self, index: int, value: _T) -> None: ...
    def __iter__(self) -> Any: ...
    def __add__(self, n: int) -> Self: ...

class Pointers(Generic[_T]):
    """An array of pointers."""

    def __getitem__(self, index: int) -> _T: ...

class Struct:
    """A struct, or a pointer to one or to an array of them."""

    @overload
    def __getitem__(self, index: int) -> Self: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any]) -> list[Self]: ...
    def __add__(self, n: int) -> Self: ...
'''
FFI = """
class Type:
    cname: str
    kind: str
    item: Type
    length: int
    fields: list[tuple[str, Field]]
    elements: dict[int, str]
    args: tuple[Type, ...]
    result: Type

class Field:
    type: Type
    offset: int

class FFI:
    NULL: Any
    def new(self, declaration: str, initial: Any = None) -> Any: ...
    def cast(self, declaration: str, value: Any) -> Any: ...
    def string(self, text: Any, most: int = -1) -> bytes: ...
    def unpack(self, array: Any, length: int) -> Any: ...
    def buffer(self, array: Any, size: int = -1) -> Any: ...
    def from_buffer(self, declaration: str, buffer: Any, require_writable: bool = False) -> Any: ...
    def gc(self, owned: _T, destructor: Callable[[_T], object] | None, size: int = 0) -> _T: ...
    def release(self, owned: Any) -> None: ...
    def sizeof(self, what: Any) -> int: ...
    def typeof(self, what: Any) -> Type: ...
    def addressof(self, what: Any, *fields: str | int) -> Any: ...

ffi: FFI
lib: Lib
"""


def annotation(kind: Any, is_argument: bool = False) -> str:
    """The Python type of a C type; an argument may be what cffi converts, too."""
    if kind.kind == "primitive":
        return "float" if kind.cname in ("double", "float") else "int"
    if kind.kind in ("enum", "struct", "void"):
        return {"enum": "int", "void": "None"}.get(kind.kind, kind.cname.removeprefix("struct "))
    if kind.kind == "function":
        return "Any"
    item = kind.item
    if item.kind == "struct":
        return annotation(item)
    if item.kind == "pointer":
        return f"Pointers[{annotation(item)}]"
    if item.kind == "primitive" and item.cname != "char":
        return f"Numbers[{annotation(item)}]"
    return "Memory | bytes" if is_argument and item.cname == "char" else "Memory"


def structs() -> Iterator[str]:
    """The structs that Python may look into, and the names of the others."""
    for name in sorted(ffi.list_types()[0]):
        declared = ffi.typeof(name)
        if declared.kind != "struct":
            continue
        try:
            ffi.sizeof(declared)
            fields = [f"    {field}: {annotation(each.type)}" for field, each in declared.fields]
            yield "\n".join([f"class {name}(Struct):", *fields])
        except ffi.error:  # only C knows it
            yield f"class {name}(Struct): ..."


def members() -> Iterator[str]:
    """What `lib` has: constants, then functions."""
    functions = []
    for name in dir(lib):
        value = getattr(lib, name)
        if isinstance(value, int):
            yield f"    {name}: int"
            continue
        declared = ffi.typeof(value)
        arguments = [f"_{i}: {annotation(each, True)}" for i, each in enumerate(declared.args)]
        line = f"    def {name}({', '.join(['self', *arguments, *(['/'] if arguments else [])])})"
        functions.append(f"{line} -> {annotation(declared.result)}: ...")
    yield from functions


def text() -> str:
    """The whole file."""
    return "\n".join([HEAD, *(f"{each}\n" for each in structs()), "class Lib:", *members(), FFI])


# ---- prof._probes ----------------------------------------------------------------------------------------------------

PROBES = '''"""Generated from the C sources by csrc/stubs.py: do not edit."""

from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType, FrameType, FunctionType
from typing import Any

context_variable: ContextVar[str]
'''
FUNCTION = re.compile(r"(?P<name>\w+)\((?P<given>.*?)\) -> (?P<result>[^:]+): ", re.DOTALL)
VALUE = re.compile(r"(?P<name>\w+): (?P<type>[^:]+): ")


def declared(doc: str | None, name: str, *first: str) -> str:
    """The declaration that the text begins with; `first` stand before what the function is given."""
    found = FUNCTION.match(doc or "")
    if found is None or found["name"] != name:
        raise ValueError(f"{name}: its text in C does not begin with `{name}(...) -> ...: `, but {doc!r}")
    given = ", ".join([*first, *filter(None, [" ".join(found["given"].split())])])
    return f"def {name}({given}) -> {found['result']}: ..."


def members_of(kind: type) -> Iterator[str]:
    """The values and methods of a type; and what calling its objects does, if that is the type's own text."""
    if (kind.__doc__ or "").startswith("__call__("):
        yield declared(kind.__doc__, "__call__", "self")
    for name, member in vars(kind).items():
        if hasattr(member, "__set__"):
            found = VALUE.match(member.__doc__ or "")
            if found is None or found["name"] != name:
                raise ValueError(f"{kind.__name__}.{name}: its text in C does not begin with `{name}: TYPE: `")
            yield f"{name}: {found['type']}"
        elif isinstance(member, MethodDescriptorType):
            yield declared(member.__doc__, name, "self")


def probes_text() -> str:
    """The whole file of `prof._probes`."""
    probes = engine.probes()
    spans = probes.spans(None, None)
    kinds = (probes.Section, type(spans("")), type(spans))
    lines = [PROBES]
    for kind in kinds:
        lines += [f"class {kind.__name__}:", *(f"    {member}" for member in members_of(kind)), ""]
    functions = {
        name: each for name, each in vars(probes).items() if type(each).__name__ == "builtin_function_or_method"
    }
    return "\n".join([*lines, *(declared(each.__doc__, name) for name, each in functions.items()), ""])


if __name__ == "__main__":
    print(probes_text() if sys.argv[1:] == ["probes"] else text(), end="")
