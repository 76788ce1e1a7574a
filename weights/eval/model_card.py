"""Puts tables between their markers in docs/model-card.md, so that figures come from programs and words from people.

The page has, for a part called codec, a line `<!-- codec: begin -->` and a line `<!-- codec: end -->`.
"""


def table(head, rows):
    """A table in Markdown; every cell is text."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def filled(page, part, text):
    """The page with `text` between the part's markers."""
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page has no place for {part}")
    return page[:page.index(begin)] + begin + "\n" + text.strip() + "\n\n" + page[page.index(end):]


def fill(path, part, text):
    """The same for a file."""
    with open(path, encoding="utf-8") as file:
        page = filled(file.read(), part, text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
