"""Runs the tests of a Python module and speaks TAP. Its own functions are the tests, but for those it calls helpers; a
test fails by an AssertionError, and is skipped if it returns why."""

import sys


def run(module, helpers=()):
    """`module`: the caller's globals(). Ends the program."""
    tests = [value for value in list(module.values())
             if callable(value) and getattr(value, "__module__", "") == module["__name__"] and value not in helpers]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            skipped = test()
            print(f"ok {number} - {name}" + (f" # skip {skipped}" if skipped else ""), flush=True)
        except AssertionError as problem:
            failed += 1
            print(f"# {problem}\nnot ok {number} - {name}", flush=True)
    sys.exit(failed > 0)
