"""Imports much that was not loaded, and a module that fails."""

import sys

from prof import profiled


@profiled
def main():
    import concurrent.futures
    import csv
    import xml.dom.minidom
    from email import message_from_string

    try:
        import not_there_at_all  # noqa: F401
    except ImportError as error:
        told = f"{error!r} {error.name}"
    else:
        told = ""
    traceback_of_failure()
    print(
        told,
        len(sys.modules) > 50,
        csv.__name__,
        concurrent.futures.__name__,
        xml.dom.minidom.__name__,
        message_from_string.__name__,
    )


def traceback_of_failure():
    import traceback

    try:
        import xml.not_there  # noqa: F401
    except ImportError:
        print(traceback.format_exc())


main()
