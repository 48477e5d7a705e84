"""Judges Sigma rules by pySigma, its SQLite backend and SQLite, for tests that compare: a program of its own, nothing of it is linked.

Reads one case a line: {"rules": YAML of a rule, with its filters; "lists": {name: [value]}; "numbers": fields that hold
numbers; "events": [object]}. Writes one line for each: {"match": [bool]} or {"refused": why}.

An event becomes a row as pySigma-backend-sqlite's documents describe it: a column for each path, text that compares
without ASCII case (a number where the case says so), NULL for what is null or absent, and the text of all values for keywords.
"""

import json
import re
import sqlite3
import sys

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import ValueListPlaceholderTransformation


def flat(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else name)
    else:
        yield path, ("true" if value else "false") if isinstance(value, bool) else value


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def table(case):
    """A database with the case's events, and each column that a query may ask for."""
    rows = [dict(flat(event)) for event in case["events"]]
    names = sorted(set().union(*rows) | set(case["fields"]))
    db = sqlite3.connect(":memory:")
    db.create_function("regexp", 2, lambda p, v: v is not None and re.search(p, str(v)) is not None)
    columns = [quoted(n) + (" NUMERIC" if n in case["numbers"] else " TEXT") + " COLLATE NOCASE" for n in names]
    db.execute("CREATE TABLE logs (" + ", ".join(columns + ["_all TEXT", "_row INTEGER"]) + ")")
    for i, row in enumerate(rows):
        words = "\n".join(str(v) for v in row.values() if v is not None)
        cells = [str(v) if isinstance(v, (int, float)) and n not in case["numbers"] else v for n, v in ((n, row.get(n)) for n in names)]
        db.execute("INSERT INTO logs VALUES (" + ",".join("?" * (len(names) + 2)) + ")", cells + [words, i])
    return db


def judge(case):
    pipeline = ProcessingPipeline(items=[ProcessingItem(ValueListPlaceholderTransformation())], vars=case["lists"])
    rules = SigmaCollection.from_yaml(case["rules"])
    queries = sqliteBackend(pipeline, fulltext_field="_all").convert(rules)
    db = table(case)
    try:
        hits = {row[0] for q in queries for row in db.execute(q.replace("SELECT *", "SELECT _row", 1))}
    finally:
        db.close()
    return {"match": [i in hits for i in range(len(case["events"]))]}


def main():
    for line in sys.stdin:
        try:
            answer = judge(json.loads(line))
        except Exception as error:  # a refusal of pySigma's or SQLite's, told to the test
            answer = {"refused": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


main()
