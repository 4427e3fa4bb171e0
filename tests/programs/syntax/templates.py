"""Template strings: PEP 750, Python 3.14."""


def greeting(name, width=12):
    # profile! build
    made = t"hello {name!r:>{width}} {name.upper()} {[n for n in range(3)]}: {shown(t'inner {width}')}"
    # end! build
    return made


def shown(template):
    parts = []
    for part in template:
        parts.append(part if isinstance(part, str) else f"<{part.value}{part.conversion or ''}{part.format_spec}>")
    return "".join(parts)


def lines(name):
    return rt"""
    # profile! in-text
    {name}:
        {greeting(name)
            .strings}
    """ + t"{name=}"


def fails(name):
    try:
        return t"{name} {name.missing} {shown(name)}"
    except AttributeError as error:
        return str(error)


def work():
    kept = [greeting(f"name {n}") for n in range(40)]
    return kept, [shown(each) for each in kept], lines("x"), fails("x")


def main():
    kept, texts, text, failed = work()
    return texts[:3], shown(text), failed
